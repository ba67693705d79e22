"""Converts images in [-1, 1] to pictures, mosaics and grids for display."""

import itertools
import math
from collections.abc import Mapping, Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8
from PIL import Image, ImageDraw

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


def grid(
    columns: Mapping[str, Sequence[ImageArray]],
) -> Image.Image:
    """Lay out images in rows and columns, with the names of the columns as headings.

    Args:
        columns: Images in [-1, 1] by heading, the same number in each column.
    """
    gap, heading = 2, 14
    shown = {name: list(map(to_picture, images)) for name, images in columns.items()}
    heights = [max(image.height for image in row) for row in zip(*shown.values(), strict=True)]
    widths = [
        max(8 * len(name), *(image.width for image in images)) for name, images in shown.items()
    ]
    size = (sum(widths) + gap * (len(widths) - 1), heading + sum(heights) + gap * len(heights))
    canvas = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(canvas)
    left = 0
    for (name, images), width in zip(shown.items(), widths, strict=True):
        draw.text((left + 1, 1), name, fill="black")
        top = heading
        for image, height in zip(images, heights, strict=True):
            canvas.paste(image, (left, top))
            top += height + gap
        left += width + gap
    return canvas
