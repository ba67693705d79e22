"""The colors to draw with on the page of a pix2pix."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import UInt8

from jaxgan.data.facades.parts import PALETTE
from jaxgan.errors import UserError
from jaxgan.metrics.palette import find_palette

# Of the CMP Facade Database (Tylecek & Sara 2013), in the order of `PALETTE`.
FACADE_PARTS = (
    "background",
    "wall",
    "window",
    "door",
    "cornice",
    "sill",
    "balcony",
    "blind",
    "deco",
    "molding",
    "pillar",
    "shop",
)
FEWEST = 4  # colors in common with facades; fewer can be a coincidence
NEAR = 12.0  # Euclidean distance up to which a color is that of a facade's part; JPEG shifts colors

Images = UInt8[np.ndarray, "count height width channels"]


def describe_labels(inputs: Sequence[Images]) -> dict[str, Any]:
    """Return the `palette` and `background` that one draws on, as JSON values.

    The palette holds the colors of label maps, with names if all of them are parts of a facade; it
    is None if the images are not label maps. The background is the most frequent color.

    Args:
        inputs: Held-out inputs of the model, gray or RGB, in batches of images of one size.
    """
    if not inputs:
        return {"palette": None, "background": "#ffffff"}
    images = max(inputs, key=len)
    images = np.repeat(images, 3, axis=-1) if images.shape[-1] == 1 else images
    try:
        palette = find_palette(images)
    except UserError:
        pixels = images.reshape(-1, 3)
        colors, counts = np.unique(pixels, axis=0, return_counts=True)
        return {"palette": None, "background": _hex(colors[counts.argmax()])}
    names = [_facade_part(color) for color in palette]
    described = [{"color": _hex(color), "name": None} for color in palette]
    if None not in names and len(names) >= FEWEST:
        described = [
            {"color": _hex(palette[names.index(name)]), "name": name}
            for name in FACADE_PARTS
            if name in names
        ]
    return {"palette": described, "background": _hex(palette[0])}


def _facade_part(color: UInt8[np.ndarray, "3"]) -> str | None:
    """Return the name of the part of a facade that a color stands for, if any."""
    apart = np.linalg.norm(PALETTE.astype(float) - color, axis=-1)
    return FACADE_PARTS[apart.argmin()] if apart.min() <= NEAR else None


def _hex(color: UInt8[np.ndarray, "3"]) -> str:
    return "#" + bytes(color).hex()
