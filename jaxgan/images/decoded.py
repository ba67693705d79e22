"""Decoded images: upright, with any number of channels."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Shaped

from jaxgan.errors import ImageError

ORIENTATION = 0x0112  # a tag in EXIF and TIFF
SIDEWAYS = (5, 6, 7, 8)  # orientations that swap height and width

PIXELS_AT_A_TIME = 2**20  # limits the memory for intermediate results

RawImage = Shaped[np.ndarray, "height width channels"]


class Decoded(NamedTuple):
    """An upright image from a file, as uint8, uint16 or float32.

    Attributes:
        pixels: Its values; NaN where a float image has no data.
        alpha: Whether the last of its four channels is opacity.
        bands: Whether its channels have no fixed meaning, unlike gray, RGB and RGBA.
    """

    pixels: RawImage
    alpha: bool = False
    bands: bool = False


def turned(size: Sequence[int], orientation: int) -> Sequence[int]:
    """Return the upright height and width of an image with an orientation tag."""
    return size[::-1] if orientation in SIDEWAYS else size


def upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Rotate and flip an image by its orientation tag, for formats that Pillow does not decode."""
    if orientation in SIDEWAYS:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels[:, ::-1] if orientation in (2, 3, 6, 7) else pixels


def usable(pixels: RawImage) -> RawImage:
    """Convert values to uint8, uint16 or float32.

    Raises:
        ImageError: If they are not real numbers.
    """
    if pixels.dtype == bool:
        return pixels.astype(np.uint8) * np.uint8(255)
    if pixels.dtype in (np.uint8, np.uint16):
        return pixels
    if not np.issubdtype(pixels.dtype, np.number) or np.iscomplexobj(pixels):
        raise ImageError(f"holds {pixels.dtype}, not numbers")
    with np.errstate(over="ignore"):  # values beyond float32 become infinite
        return pixels.astype(np.float32)


def rows_at_a_time(width: int) -> int:
    """Return how many rows of an image to process at a time."""
    return max(1, PIXELS_AT_A_TIME // width)


def by_rows(
    function: Callable[[RawImage], RawImage], pixels: RawImage
) -> Shaped[np.ndarray, "height width new_channels"]:
    """Apply a function to an image, some rows at a time to save memory."""
    rows = rows_at_a_time(pixels.shape[1])
    result = function(pixels[:rows])
    if len(result) < len(pixels):
        first, result = result, np.empty((len(pixels), *result.shape[1:]), result.dtype)
        result[:rows] = first
        for top in range(rows, len(pixels), rows):
            result[top : top + rows] = function(pixels[top : top + rows])
    return result
