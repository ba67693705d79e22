"""Images between files, uint8 arrays and the range [-1, 1], and grids of them."""

import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8
from PIL import Image, ImageDraw, ImageOps

from jaxgan.types import ImageArray


class ImageError(Exception):
    """A file that cannot be used as an image; the message says why."""


def read_rgb(file: Path | bytes) -> Image.Image:
    """Read any image as 8-bit RGB, upright.

    Transparent parts become white, 16-bit values are scaled to 8 bits, and a rotation noted in EXIF
    is carried out.

    Raises:
        ImageError: If the file is broken, or its pixels have no defined range.
    """
    try:
        with Image.open(io.BytesIO(file) if isinstance(file, bytes) else file) as opened:
            image = ImageOps.exif_transpose(opened)
            if image.mode == "F":
                raise ImageError("floating-point pixels have no defined range")
            if image.mode.startswith("I"):
                wide = np.asarray(image)
                if wide.min() < 0 or wide.max() > 65535:
                    raise ImageError("32-bit pixels have no defined range")
                image = Image.fromarray((wide / 257).round().astype(np.uint8))
            if image.has_transparency_data:
                image = image.convert("RGBA")
                image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
            return image.convert("RGB")
    except ImageError:
        raise
    except Exception as error:  # Pillow's decoders raise anything on broken files
        reason = "not an image" if isinstance(error, Image.UnidentifiedImageError) else str(error)
        raise ImageError(reason.splitlines()[0] if reason else type(error).__name__) from error


def encode_png(image: Image.Image) -> bytes:
    """Return an image as the bytes of a PNG file."""
    buffer = io.BytesIO()
    image.save(buffer, "png", compress_level=3)
    return buffer.getvalue()


def from_uint8(images: UInt8[Array | np.ndarray, "*shape"]) -> Float[Array, "*shape"]:
    """Map 0..255 to [-1, 1]."""
    return jnp.asarray(images, jnp.float32) / 127.5 - 1


def to_uint8(images: Float[np.ndarray, "*shape"]) -> UInt8[np.ndarray, "*shape"]:
    """Map [-1, 1] to 0..255, rounding to the nearest."""
    return ((np.clip(images, -1, 1) + 1) * 127.5).round().astype(np.uint8)


def to_picture(image: ImageArray) -> Image.Image:
    """Return an image in [-1, 1] as one of Pillow's, gray if it has one channel."""
    pixels = to_uint8(image)
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)


def mosaic(
    images: Float[Array, "batch height width channels"],
) -> Float[Array, "1 big_height big_width channels"]:
    """Return one image, as square as can be, of all images row by row; empty places are white."""
    count, height, width, channels = images.shape
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    padding = ((0, rows * columns - count), (0, 0), (0, 0), (0, 0))
    tiles = jnp.pad(images, padding, constant_values=1.0)
    tiles = tiles.reshape(rows, columns, height, width, channels).swapaxes(1, 2)
    return tiles.reshape(1, rows * height, columns * width, channels)


def grid(columns: Mapping[str, Sequence[ImageArray]]) -> Image.Image:
    """Lay out images in rows and columns, with the names of the columns as headings.

    Args:
        columns: By heading, equally many images in [-1, 1]. One channel is shown as gray; of more
            than three, the first three are shown.
    """
    gap, heading = 2, 14
    shown = {
        name: [_displayable(to_uint8(image)) for image in images]
        for name, images in columns.items()
    }
    heights = [max(image.shape[0] for image in row) for row in zip(*shown.values(), strict=True)]
    widths = [
        max(8 * len(name), *(image.shape[1] for image in images)) for name, images in shown.items()
    ]
    size = (sum(widths) + gap * (len(widths) - 1), heading + sum(heights) + gap * len(heights))
    canvas = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(canvas)
    left = 0
    for (name, images), width in zip(shown.items(), widths, strict=True):
        draw.text((left + 1, 1), name, fill="black")
        top = heading
        for image, height in zip(images, heights, strict=True):
            canvas.paste(Image.fromarray(image), (left, top))
            top += height + gap
        left += width + gap
    return canvas


def _displayable(
    image: UInt8[np.ndarray, "height width channels"],
) -> UInt8[np.ndarray, "height width 3"]:
    return np.repeat(image[..., :1], 3, axis=-1) if image.shape[-1] < 3 else image[..., :3]
