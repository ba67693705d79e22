"""Procedural facades: pairs of a label map and a photo-like picture, drawn rather than downloaded.

The classes are those of the CMP Facade Database (Tylecek & Sara 2013), in the colors in which the
pix2pix data set shows them. A facade is planned on the pixel grid of the label map; the picture is
painted larger and averaged down, so thin frames and bars survive at small sizes.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

BACKGROUND, WALL, WINDOW, DOOR, CORNICE, SILL, BALCONY, BLIND, DECO, MOLDING, PILLAR, SHOP = range(
    12
)
PALETTE = np.array(
    [
        (0, 0, 170),
        (0, 0, 255),
        (0, 85, 255),
        (0, 170, 255),
        (0, 255, 255),
        (85, 255, 170),
        (170, 255, 85),
        (255, 255, 0),
        (255, 170, 0),
        (255, 85, 0),
        (255, 0, 0),
        (170, 0, 0),
    ],
    np.uint8,
)

PAINTED_SIZE = 256  # smallest size at which a picture is painted, in pixels

Color = Float[np.ndarray, "3"]
Picture = Float[np.ndarray, "height width 3"]

PLASTERS = ((216, 198, 160), (226, 214, 196), (204, 176, 120), (186, 196, 200), (222, 186, 170))
BRICKS = ((156, 88, 68), (178, 110, 80), (134, 76, 62), (190, 140, 100))
STONES = ((176, 170, 158), (200, 190, 170), (158, 156, 152))
FRAMES = ((238, 236, 230), (84, 60, 44), (60, 76, 66), (200, 196, 180))
PAINTS = ((70, 96, 78), (120, 52, 46), (60, 78, 110), (112, 92, 66), (150, 146, 130), (48, 50, 56))


class Box(NamedTuple):
    """A rectangle on the label map's pixel grid; bottom and right are excluded."""

    top: int
    left: int
    bottom: int
    right: int


class Style(NamedTuple):
    """What all parts of one facade share."""

    wall: Color
    trim: Color
    frame: Color
    paint: Color
    iron: Color
    bars: int
    crossbar: float
    curtains: bool


class Drawing:
    """A label map and its picture in the making."""

    def __init__(self, rng: np.random.Generator, size: int):
        self.rng = rng
        self.size = size
        self.scale = -(-PAINTED_SIZE // size)
        self.labels = np.zeros((size, size), np.uint8)
        self.picture = np.zeros((size * self.scale, size * self.scale, 3), np.float32)

    def pixels(self, units: float) -> int:
        """Convert 1/256 of the height into pixels of the label map, at least one."""
        return max(1, round(units * self.size / 256))

    def fine(self, units: float) -> int:
        """Convert 1/256 of the height into pixels of the picture, at least one."""
        return max(1, round(units * self.size * self.scale / 256))

    def region(self, box: Box) -> Picture:
        """Return the part of the picture that a box covers, to be painted on."""
        top, left, bottom, right = (max(0, edge) * self.scale for edge in box)
        return self.picture[top:bottom, left:right]

    def place(self, label: int, box: Box) -> Picture:
        """Label a box and return its part of the picture."""
        self.labels[max(0, box.top) : max(0, box.bottom), max(0, box.left) : max(0, box.right)] = (
            label
        )
        return self.region(box)

    def noise(self, shape: tuple[int, ...], rows: int, columns: int) -> Float[np.ndarray, "h w 1"]:
        """Return smooth noise in [0, 1] from a grid of `rows` x `columns` random values."""
        grid = Image.fromarray(self.rng.random((rows, columns), np.float32))
        smooth = grid.resize((shape[1], shape[0]), Image.Resampling.BILINEAR)
        return np.asarray(smooth)[..., None]

    def shade_below(self, box: Box, units: float, strength: float) -> None:
        """Darken a strip under a box, fading downwards, as something that sticks out would."""
        depth = self.fine(units)
        bottom, left, right = (edge * self.scale for edge in (box.bottom, box.left, box.right))
        strip = self.picture[bottom : bottom + depth, left:right]
        strip *= 1 - strength * np.linspace(1, 0.2, depth)[: len(strip), None, None]


def facade(
    seed: int, index: int, size: int
) -> tuple[UInt8[np.ndarray, "size size 3"], UInt8[np.ndarray, "size size 3"]]:
    """Draw one facade.

    Args:
        seed: Seed of the whole series.
        index: Number of the facade in its series; equal seeds and indices give equal facades.
        size: Height and width of both images, in pixels.

    Returns:
        The label map in the colors of `PALETTE`, and the picture.
    """
    rng = np.random.default_rng((seed, index))
    drawing = Drawing(rng, size)
    _sky(drawing)
    house = Box(
        top=round(rng.uniform(0.03, 0.16) * size),
        left=round(rng.uniform(0.0, 0.1) * size),
        bottom=size - drawing.pixels(rng.uniform(6, 14)),
        right=size - round(rng.uniform(0.0, 0.1) * size),
    )
    style = _wall(drawing, house)
    _floors(drawing, house, style)
    _light(drawing)
    picture = drawing.picture.reshape(size, drawing.scale, size, drawing.scale, 3).mean((1, 3))
    picture += rng.normal(0, 2, picture.shape)
    return PALETTE[drawing.labels], picture.clip(0, 255).astype(np.uint8)


def _sky(drawing: Drawing) -> None:
    """Paint sky with clouds, and the street at the bottom."""
    rng, picture = drawing.rng, drawing.picture
    height = len(picture)
    top = np.array([rng.uniform(100, 170), rng.uniform(150, 200), rng.uniform(205, 240)])
    horizon = np.linspace(0, 1, height)[:, None, None]
    clouds = 0.6 * drawing.noise(picture.shape, 5, 7) + 0.4 * drawing.noise(picture.shape, 11, 15)
    cover = np.clip((clouds - rng.uniform(0.4, 0.7)) * 3, 0, 1)
    picture[:] = (top + (235 - top) * 0.5 * horizon) * (1 - cover) + 240 * cover
    street = picture[height - drawing.fine(14) :]
    street[:] = rng.uniform(90, 125) + 16 * (drawing.noise(street.shape, 4, 40) - 0.5)
    street[: drawing.fine(2)] += 35


def _wall(drawing: Drawing, house: Box) -> Style:
    """Paint the bare wall in one of three materials and choose what goes with it."""
    rng = drawing.rng
    region = drawing.place(WALL, house)
    rows, columns = np.mgrid[: region.shape[0], : region.shape[1]]
    material = rng.integers(3)
    base = np.array(rng.choice((PLASTERS, BRICKS, STONES)[material]), np.float32)
    wall = base + rng.normal(0, 7, 3)
    region[:] = wall * (0.92 + 0.16 * drawing.noise(region.shape, 7, 7))
    if material > 0:
        height, width = (
            (drawing.fine(6), drawing.fine(14))
            if material == 1
            else (drawing.fine(15), drawing.fine(32))
        )
        course = rows // height
        shifted = columns + (course % 2) * (width // 2)
        tones = rng.normal(1, 0.05, (course.max() + 1, shifted.max() // width + 1))
        region *= tones[course, shifted // width][..., None]
        joint = (rows % height == 0) | (shifted % width == 0)
        region[joint] *= 0.8
    region += rng.normal(0, 3, (*region.shape[:2], 1))

    light = rng.random() < 0.6
    return Style(
        wall=wall,
        trim=wall * 0.3 + 170 if light else wall * rng.uniform(0.62, 0.8),
        frame=np.array(rng.choice(FRAMES), np.float32),
        paint=np.array(rng.choice(PAINTS)) + rng.normal(0, 8, 3),
        iron=np.full(3, rng.uniform(25, 60)),
        bars=int(rng.integers(1, 3)),
        crossbar=rng.uniform(0.25, 0.5),
        curtains=bool(rng.random() < 0.5),
    )


def _floors(drawing: Drawing, house: Box, style: Style) -> None:
    """Divide the wall into floors and bays and furnish them."""
    rng, pixels = drawing.rng, drawing.pixels
    floors, bays = int(rng.integers(3, 6)), int(rng.integers(3, 7))
    eaves = house.top + pixels(rng.uniform(7, 12))
    height = (house.bottom - eaves) / (floors + 0.2)
    ground = round(house.bottom - 1.2 * height)
    edges = np.linspace(house.left, house.right, bays + 1).round().astype(int)
    window_width = round((edges[1] - edges[0]) * rng.uniform(0.4, 0.6))
    window_height = round(height * rng.uniform(0.5, 0.66))
    has = {part: rng.random() < 0.5 for part in ("sill", "head", "blind", "belt", "pillar", "shop")}
    balconies = rng.random(floors) < rng.choice((0.0, 0.4, 0.8))
    every_other = rng.random() < 0.3

    if has["pillar"]:
        for left in (house.left, house.right - pixels(9)):
            _molding(drawing, PILLAR, Box(eaves, left, house.bottom, left + pixels(9)), style)
    for floor in range(floors - 1):
        top = round(eaves + floor * height)
        if has["belt"] and floor:
            _molding(drawing, MOLDING, Box(top, house.left, top + pixels(4), house.right), style)
        for bay in range(bays):
            left = (edges[bay] + edges[bay + 1] - window_width) // 2
            opening = top + round((height - window_height) * 0.55)
            box = Box(opening, left, opening + window_height, left + window_width)
            _window(drawing, box, style)
            if has["blind"]:
                _blinds(drawing, box, style)
            if has["head"]:
                _head(drawing, box, style)
            if balconies[floor] and not (every_other and bay % 2):
                _balcony(drawing, box, style)
            elif has["sill"]:
                _sill(drawing, box, style)
    _ground_floor(drawing, house, ground, edges, window_width, style, shop=has["shop"])
    _molding(drawing, CORNICE, Box(house.top, house.left, eaves, house.right), style)


def _ground_floor(
    drawing: Drawing,
    house: Box,
    top: int,
    edges: np.ndarray,
    window_width: int,
    style: Style,
    *,
    shop: bool,
) -> None:
    """Put one door among shop windows under a sign board, or among plain windows."""
    pixels, height = drawing.pixels, house.bottom - top
    door = drawing.rng.integers(len(edges) - 1)
    if shop:
        sign = Box(top, house.left, top + pixels(10), house.right)
        region = drawing.place(DECO, sign)
        region[:] = style.paint * 1.15
        region[: drawing.fine(2)] *= 1.3
        drawing.shade_below(sign, 6, 0.4)
    else:
        _molding(drawing, MOLDING, Box(top, house.left, top + pixels(5), house.right), style)
    for bay, (left, right) in enumerate(pairwise(edges)):
        gap = max(1, (right - left) // 12)
        if bay == door:
            width = min(right - left - 2 * gap, round(height * 0.55))
            left = (left + right - width) // 2
            _door(
                drawing,
                Box(house.bottom - round(height * 0.72), left, house.bottom, left + width),
                style,
            )
        elif shop:
            _shop(
                drawing,
                Box(top + pixels(14), left + gap, house.bottom - pixels(6), right - gap),
                style,
            )
        else:
            left = (left + right - window_width) // 2
            middle = top + round(height * 0.3)
            _window(
                drawing,
                Box(middle, left, middle + round(height * 0.42), left + window_width),
                style,
            )


def _glass(drawing: Drawing, region: Picture) -> None:
    """Paint dark glass that mirrors some sky."""
    if not region.size:
        return
    mirrored = np.clip(drawing.noise(region.shape, 3, 3) - 0.35, 0, 1)
    region[:] = (26, 34, 44) + mirrored * np.array((90, 110, 135))
    region[: drawing.fine(2)] *= 0.6


def _window(drawing: Drawing, box: Box, style: Style) -> None:
    """Draw a framed window with bars, and sometimes curtains or a lowered shade."""
    rng = drawing.rng
    region = drawing.place(WINDOW, box)
    region[:] = style.frame
    border = drawing.fine(2)
    pane = region[border:-border, border:-border]
    _glass(drawing, pane)
    height, width = pane.shape[:2]
    if style.curtains and rng.random() < 0.6:
        drape = max(1, round(width * rng.uniform(0.12, 0.3)))
        for side in (pane[:, :drape], pane[:, -drape:]):
            side[:] = side * 0.35 + 125
    if rng.random() < 0.25:
        shade = pane[: round(height * rng.uniform(0.15, 0.5))]
        shade[:] = shade * 0.25 + 150
    bar = drawing.fine(1.5)
    for number in range(1, style.bars + 1):
        left = round(width * number / (style.bars + 1)) - bar // 2
        pane[:, left : left + bar] = style.frame
    top = round(height * style.crossbar)
    pane[top : top + bar] = style.frame
    region[:border] *= 0.75


def _molding(drawing: Drawing, label: int, box: Box, style: Style) -> None:
    """Draw a band of trim, bright along its upper edge, with a shadow below."""
    region = drawing.place(label, box)
    region[:] = style.trim
    region *= np.linspace(1.12, 0.82, len(region))[:, None, None]
    drawing.shade_below(box, 4, 0.35)


def _sill(drawing: Drawing, window: Box, style: Style) -> None:
    pixels = drawing.pixels
    box = Box(
        window.bottom, window.left - pixels(3), window.bottom + pixels(4), window.right + pixels(3)
    )
    _molding(drawing, SILL, box, style)


def _head(drawing: Drawing, window: Box, style: Style) -> None:
    pixels = drawing.pixels
    box = Box(
        window.top - pixels(6),
        window.left - pixels(3),
        window.top - pixels(1),
        window.right + pixels(3),
    )
    _molding(drawing, DECO, box, style)


def _blinds(drawing: Drawing, window: Box, style: Style) -> None:
    """Hang louvred shutters left and right of a window."""
    width = max(1, round((window.right - window.left) * 0.3))
    for left in (window.left - width, window.right):
        region = drawing.place(BLIND, Box(window.top, left, window.bottom, left + width))
        region[:] = style.paint
        slats = np.arange(len(region)) % drawing.fine(4)
        region[slats < drawing.fine(1)] *= 0.65
        region[:, : drawing.fine(1)] *= 0.8


def _balcony(drawing: Drawing, window: Box, style: Style) -> None:
    """Hang an iron railing on a slab before the lower part of a window; it can be seen through."""
    pixels, fine = drawing.pixels, drawing.fine
    top = window.bottom - round((window.bottom - window.top) * 0.4)
    box = Box(top, window.left - pixels(6), window.bottom + pixels(4), window.right + pixels(6))
    region = drawing.place(BALCONY, box)
    posts = np.arange(region.shape[1]) % fine(5) < fine(1.6)
    region[:, posts] = style.iron
    region[: fine(2.5)] = style.iron
    slab = region[-fine(5) :]
    slab[:] = style.trim
    slab *= np.linspace(1.1, 0.8, len(slab))[:, None, None]
    drawing.shade_below(box, 7, 0.45)


def _door(drawing: Drawing, box: Box, style: Style) -> None:
    """Draw a two-leaved door with panels under a fanlight."""
    region = drawing.place(DOOR, box)
    region[:] = style.trim
    border = drawing.fine(3)
    leaf = region[border:, border:-border]
    leaf[:] = style.paint * 0.8
    height, width = leaf.shape[:2]
    _glass(drawing, leaf[: height // 5])
    for left in (0.12, 0.58):
        for top, bottom in ((0.28, 0.58), (0.64, 0.92)):
            panel = leaf[
                round(top * height) : round(bottom * height),
                round(left * width) : round((left + 0.3) * width),
            ]
            panel *= 0.75
    line = drawing.fine(1)
    leaf[height // 5 : height // 5 + line] = style.trim
    leaf[height // 5 :, width // 2 : width // 2 + line] *= 0.4


def _shop(drawing: Drawing, box: Box, style: Style) -> None:
    """Draw a large shop window: goods below, a lit ceiling above."""
    region = drawing.place(SHOP, box)
    region[:] = style.frame * 0.9
    border = drawing.fine(2)
    pane = region[border:-border, border:-border]
    _glass(drawing, pane)
    height, width = pane.shape[:2]
    glow = np.linspace(60, 0, height)[:, None, None] * np.array((1.0, 0.9, 0.65))
    pane += glow
    goods = pane[round(height * 0.6) :]
    goods += 90 * (np.round(drawing.noise(goods.shape, 3, 9) * 4) / 4 - 0.4)
    if width > 6 * border:
        pane[:, width // 2 : width // 2 + drawing.fine(1.5)] = style.frame * 0.9


def _light(drawing: Drawing) -> None:
    """Light the scene from one side, sometimes with the shadow of a house across the street."""
    rng, picture = drawing.rng, drawing.picture
    rows, columns = np.mgrid[: len(picture), : len(picture)].astype(np.float32) / len(picture)
    picture *= (1 + rng.uniform(-0.12, 0.12) * (columns - 0.5))[..., None]
    if rng.random() < 0.4:
        edge = rng.uniform(0.55, 0.95) + rng.uniform(-0.4, 0.4) * (columns - 0.5)
        picture *= (1 - 0.28 * np.clip((rows - edge) * 40, 0, 1))[..., None]
