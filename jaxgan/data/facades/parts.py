"""The labeled parts of a procedural facade, such as windows, doors and balconies.

The classes are those of the CMP Facade Database (Tylecek & Sara 2013), in the colors of the pix2pix
data set.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from jaxgan.data.facades.drawing import Box, Drawing, Picture

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

Color = Float[np.ndarray, "3"]


class Style(NamedTuple):
    """Colors and settings shared by all parts of one facade."""

    wall: Color
    trim: Color
    frame: Color
    paint: Color
    iron: Color
    bars: int
    crossbar: float
    curtains: bool


def _glass(drawing: Drawing, region: Picture) -> None:
    """Paint dark glass that reflects some sky."""
    if not region.size:
        return
    mirrored = np.clip(drawing.noise(region.shape, 3, 3) - 0.35, 0, 1)
    region[:] = (26, 34, 44) + mirrored * np.array((90, 110, 135))
    region[: drawing.fine(2)] *= 0.6


def window(drawing: Drawing, box: Box, style: Style) -> None:
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


def molding(drawing: Drawing, label: int, box: Box, style: Style) -> None:
    """Draw a band of trim, bright along its upper edge, with a shadow below."""
    region = drawing.place(label, box)
    region[:] = style.trim
    region *= np.linspace(1.12, 0.82, len(region))[:, None, None]
    drawing.shade_below(box, 4, 0.35)


def sill(drawing: Drawing, window: Box, style: Style) -> None:
    """Draw the sill of a window."""
    pixels = drawing.pixels
    box = Box(
        window.bottom, window.left - pixels(3), window.bottom + pixels(4), window.right + pixels(3)
    )
    molding(drawing, SILL, box, style)


def head(drawing: Drawing, window: Box, style: Style) -> None:
    """Draw a band above a window."""
    pixels = drawing.pixels
    box = Box(
        window.top - pixels(6),
        window.left - pixels(3),
        window.top - pixels(1),
        window.right + pixels(3),
    )
    molding(drawing, DECO, box, style)


def blinds(drawing: Drawing, window: Box, style: Style) -> None:
    """Draw louvered shutters on both sides of a window."""
    width = max(1, round((window.right - window.left) * 0.3))
    for left in (window.left - width, window.right):
        region = drawing.place(BLIND, Box(window.top, left, window.bottom, left + width))
        region[:] = style.paint
        slats = np.arange(len(region)) % drawing.fine(4)
        region[slats < drawing.fine(1)] *= 0.65
        region[:, : drawing.fine(1)] *= 0.8


def balcony(drawing: Drawing, window: Box, style: Style) -> None:
    """Draw a see-through iron railing on a slab in front of the lower part of a window."""
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


def door(drawing: Drawing, box: Box, style: Style) -> None:
    """Draw a double door with panels below a fanlight."""
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


def shop(drawing: Drawing, box: Box, style: Style) -> None:
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
