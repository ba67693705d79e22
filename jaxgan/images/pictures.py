"""Converts images in [-1, 1] to pictures, mosaics and grids for display."""

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8
from PIL import Image

ImageArray = Float[np.ndarray, "_height _width _channels"]


def to_uint8(images: Float[np.ndarray, "*shape"]) -> UInt8[np.ndarray, "*shape"]:
    """Map [-1, 1] to 0..255, rounding to the nearest."""
    return ((np.clip(images, -1, 1) + 1) * 127.5).round().astype(np.uint8)


def to_picture(image: ImageArray) -> Image.Image:
    """Convert an image in [-1, 1] to a Pillow image.

    One channel is shown as gray, three as RGB. Any other number is shown in false color: red, green
    and blue are the means of the first, middle and last third of the channels.
    """
    pixels = to_uint8(image)
    channels = pixels.shape[-1]
    if channels == 1:
        return Image.fromarray(pixels[..., 0])
    if channels != 3:
        thirds = [round(channels * third / 3) for third in range(4)]
        parts = [slice(start, max(end, start + 1)) for start, end in itertools.pairwise(thirds)]
        pixels = np.stack([pixels[..., part].mean(axis=-1) for part in parts], axis=-1)
    return Image.fromarray(pixels.round().astype(np.uint8))


def mosaic(
    images: Float[Array, "batch height width channels"],
) -> Float[Array, "1 big_height big_width channels"]:
    """Tile images row by row into one that is as square as possible; empty tiles are white."""
    count, height, width, channels = images.shape
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    padding = ((0, rows * columns - count), (0, 0), (0, 0), (0, 0))
    tiles = jnp.pad(images, padding, constant_values=1.0)
    tiles = tiles.reshape(rows, columns, height, width, channels).swapaxes(1, 2)
    return tiles.reshape(1, rows * height, columns * width, channels)


class Grid(NamedTuple):
    """Images in rows and columns.

    Attributes:
        picture: All images.
        boxes: Left, top, width and height of each image in the picture, by row and column.
    """

    picture: Image.Image
    boxes: list[list[tuple[int, int, int, int]]]


def grid(columns: Sequence[Sequence[ImageArray]]) -> Grid:
    """Lay out images in rows and columns.

    Args:
        columns: Images in [-1, 1], the same number in each column.
    """
    gap = 2
    shown = [list(map(to_picture, images)) for images in columns]
    rows = list(zip(*shown, strict=True))
    widths = [max(image.width for image in images) for images in shown]
    heights = [max(image.height for image in row) for row in rows]
    *lefts, right = itertools.accumulate((width + gap for width in widths), initial=0)
    *tops, bottom = itertools.accumulate((height + gap for height in heights), initial=0)
    canvas = Image.new("RGB", (right - gap, bottom - gap), "white")
    boxes = []
    for top, row in zip(tops, rows, strict=True):
        boxes.append([(left, top, *image.size) for left, image in zip(lefts, row, strict=True)])
        for left, image in zip(lefts, row, strict=True):
            canvas.paste(image, (left, top))
    return Grid(canvas, boxes)
