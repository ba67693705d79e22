"""Draws procedural facades: pairs of a label map and a photo-like picture.

This module plans a facade: sky, wall, floors and bays, light. `parts` draws the other parts.
"""

from itertools import pairwise

import numpy as np
from jaxtyping import UInt8

from jaxgan.data.facades import parts
from jaxgan.data.facades.drawing import Box, Drawing
from jaxgan.data.facades.parts import PALETTE, Style

PLASTERS = ((216, 198, 160), (226, 214, 196), (204, 176, 120), (186, 196, 200), (222, 186, 170))
BRICKS = ((156, 88, 68), (178, 110, 80), (134, 76, 62), (190, 140, 100))
STONES = ((176, 170, 158), (200, 190, 170), (158, 156, 152))
FRAMES = ((238, 236, 230), (84, 60, 44), (60, 76, 66), (200, 196, 180))
PAINTS = ((70, 96, 78), (120, 52, 46), (60, 78, 110), (112, 92, 66), (150, 146, 130), (48, 50, 56))


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
    """Paint the bare wall in one of three materials and return a style that matches it."""
    rng = drawing.rng
    region = drawing.place(parts.WALL, house)
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
    """Divide the wall into floors and bays and draw their parts."""
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
            parts.molding(
                drawing, parts.PILLAR, Box(eaves, left, house.bottom, left + pixels(9)), style
            )
    for floor in range(floors - 1):
        top = round(eaves + floor * height)
        if has["belt"] and floor:
            parts.molding(
                drawing, parts.MOLDING, Box(top, house.left, top + pixels(4), house.right), style
            )
        for bay in range(bays):
            left = (edges[bay] + edges[bay + 1] - window_width) // 2
            opening = top + round((height - window_height) * 0.55)
            box = Box(opening, left, opening + window_height, left + window_width)
            parts.window(drawing, box, style)
            if has["blind"]:
                parts.blinds(drawing, box, style)
            if has["head"]:
                parts.head(drawing, box, style)
            if balconies[floor] and not (every_other and bay % 2):
                parts.balcony(drawing, box, style)
            elif has["sill"]:
                parts.sill(drawing, box, style)
    _ground_floor(drawing, house, ground, edges, window_width, style, shop=has["shop"])
    parts.molding(drawing, parts.CORNICE, Box(house.top, house.left, eaves, house.right), style)


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
    """Draw one door among shop windows below a sign, or among plain windows."""
    pixels, height = drawing.pixels, house.bottom - top
    door = drawing.rng.integers(len(edges) - 1)
    if shop:
        sign = Box(top, house.left, top + pixels(10), house.right)
        region = drawing.place(parts.DECO, sign)
        region[:] = style.paint * 1.15
        region[: drawing.fine(2)] *= 1.3
        drawing.shade_below(sign, 6, 0.4)
    else:
        parts.molding(
            drawing, parts.MOLDING, Box(top, house.left, top + pixels(5), house.right), style
        )
    for bay, (left, right) in enumerate(pairwise(edges)):
        gap = max(1, (right - left) // 12)
        if bay == door:
            width = min(right - left - 2 * gap, round(height * 0.55))
            left = (left + right - width) // 2
            parts.door(
                drawing,
                Box(house.bottom - round(height * 0.72), left, house.bottom, left + width),
                style,
            )
        elif shop:
            parts.shop(
                drawing,
                Box(top + pixels(14), left + gap, house.bottom - pixels(6), right - gap),
                style,
            )
        else:
            left = (left + right - window_width) // 2
            middle = top + round(height * 0.3)
            parts.window(
                drawing,
                Box(middle, left, middle + round(height * 0.42), left + window_width),
                style,
            )


def _light(drawing: Drawing) -> None:
    """Light the scene from one side, sometimes with the shadow of a house across the street."""
    rng, picture = drawing.rng, drawing.picture
    rows, columns = np.mgrid[: len(picture), : len(picture)].astype(np.float32) / len(picture)
    picture *= (1 + rng.uniform(-0.12, 0.12) * (columns - 0.5))[..., None]
    if rng.random() < 0.4:
        edge = rng.uniform(0.55, 0.95) + rng.uniform(-0.4, 0.4) * (columns - 0.5)
        picture *= (1 - 0.28 * np.clip((rows - edge) * 40, 0, 1))[..., None]
