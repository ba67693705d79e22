"""Draws a label map and its picture together, box by box.

Boxes are aligned to the pixel grid of the label map. The picture is painted at a larger size and
averaged down, so that thin frames and bars survive at small sizes.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from PIL import Image

PAINTED_SIZE = 256  # smallest size at which a picture is painted, in pixels

Picture = Float[np.ndarray, "height width 3"]


class Box(NamedTuple):
    """A rectangle on the label map's pixel grid; bottom and right are excluded."""

    top: int
    left: int
    bottom: int
    right: int


class Drawing:
    """A label map and its picture, while they are drawn."""

    def __init__(self, rng: np.random.Generator, size: int):
        self.rng = rng
        self.size = size
        self.scale = -(-PAINTED_SIZE // size)
        self.labels = np.zeros((size, size), np.uint8)
        self.picture = np.zeros((size * self.scale, size * self.scale, 3), np.float32)

    def pixels(self, units: float) -> int:
        """Convert units of 1/256 of the height to pixels of the label map, at least one."""
        return max(1, round(units * self.size / 256))

    def fine(self, units: float) -> int:
        """Convert units of 1/256 of the height to pixels of the picture, at least one."""
        return max(1, round(units * self.size * self.scale / 256))

    def region(self, box: Box) -> Picture:
        """Return a writable view of the part of the picture that a box covers."""
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
        """Darken a strip below a box, fading downward, like the shadow of a protruding part."""
        depth = self.fine(units)
        bottom, left, right = (edge * self.scale for edge in (box.bottom, box.left, box.right))
        strip = self.picture[bottom : bottom + depth, left:right]
        strip *= 1 - strength * np.linspace(1, 0.2, depth)[: len(strip), None, None]
