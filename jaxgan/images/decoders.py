"""Decodes image files by format.

tifffile decodes TIFF, imagecodecs decodes 16-bit PNG, NumPy decodes arrays, and Pillow decodes all
other formats.
"""

import contextlib
import io
import math
import struct
import threading
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import imagecodecs
import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageFile, ImageOps

from jaxgan.errors import ImageError
from jaxgan.images import tiff
from jaxgan.images.decoded import ORIENTATION, Decoded, rows_at_a_time, turned, upright, usable
from jaxgan.images.kinds import PixelType

NPY = b"\x93NUMPY"
MAX_PIXELS = 2**28  # per image: a small file can decode to an image that fills the memory
# Unsupported formats, by the bytes that follow the first four of a file.
UNREAD = {b"ftyphe": "HEIC", b"ftypmi": "HEIC", b"ftypms": "HEIC", b"ftypav": "AVIF"}
PILLOW = threading.Lock()  # held while Pillow's global pixel limit is disabled
NOTES = (b"eXIf", b"tEXt", b"zTXt", b"iTXt")  # PNG chunks that may hold an orientation


class Header(NamedTuple):
    """The size and depth of an image, known before its pixels are decoded.

    Attributes:
        size: Its upright height and width.
        depth: The depth of its values, as far as the format specifies it.
    """

    size: tuple[int, int]
    depth: PixelType


def measure(file: Path) -> Header:
    """Return the size and depth of an image without decoding its pixels.

    Raises:
        Exception: Any exception from the libraries, if the header cannot be read.
    """
    with file.open("rb") as opened:
        start = opened.read(len(NPY))
        if start == NPY:
            opened.seek(0)
            shape, dtype = _read_npy_header(opened)
            return Header((shape[0], shape[1]), _depth(dtype))
    if start.startswith(tiff.STARTS):
        size, dtype = tiff.measure(file)
        return Header(size, _depth(dtype))
    with _opened(file) as image:
        # If a PNG has no EXIF so far, Pillow decodes it, because EXIF may follow the pixels.
        whole = image.format != "PNG" or _has_notes_behind_pixels(file)
        exif = image.getexif() if whole else Image.Image.getexif(image)
        height, width = turned(image.size[::-1], exif.get(ORIENTATION, 1))
        deep = ";16" in str(image.tile) or ";16" in image.mode
        depth = "float32" if image.mode in ("F", "I") else "uint16" if deep else "uint8"
        return Header((height, width), depth)


def check_pixels(
    size: Sequence[int], channels: int = 1, *, max_pixels: int, what_to_do: str
) -> None:
    """Check that an image is not larger than a limit. It is lower for more than 4 channels.

    Raises:
        ImageError: If it is.
    """
    height, width = size
    if height * width * max(channels, 4) > 4 * max_pixels:
        of_channels = f" of {channels} channels" if channels > 4 else ""
        raise ImageError(
            f"{width}x{height} pixels{of_channels} are more than the limit of {max_pixels}: "
            f"{what_to_do}"
        )


@contextlib.contextmanager
def _opened(file: Path | io.BytesIO) -> Iterator[ImageFile.ImageFile]:
    """Open an image with Pillow, with neither its pixel limit nor its warning at half the limit.

    Raises:
        ImageError: If the format is known but not supported.
    """
    with PILLOW:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            image = Image.open(file)
        except Image.UnidentifiedImageError:
            _refuse_unread(file)
            raise
        finally:
            Image.MAX_IMAGE_PIXELS = limit
    with image:
        yield image


def _refuse_unread(file: Path | io.BytesIO) -> None:
    with file.open("rb") if isinstance(file, Path) else file as opened:
        opened.seek(4)
        start = opened.read(8)
    for begin, name in UNREAD.items():
        if start.startswith(begin):
            raise ImageError(f"is {name}, which is not read: convert it to PNG or JPEG")


def _read_npy_header(opened: io.BufferedIOBase) -> tuple[tuple[int, ...], np.dtype]:
    version = np.lib.format.read_magic(opened)
    if version not in ((1, 0), (2, 0)):  # others are for named fields
        raise ImageError(f"an array of version {version} does not hold numbers")
    read = getattr(np.lib.format, f"read_array_header_{version[0]}_0")
    shape, _, dtype = read(opened)
    if len(shape) not in (2, 3) or min(shape) < 1:
        raise ImageError(f"an array of shape {shape} is not an image of height, width and channels")
    return shape, dtype


def _depth(dtype: np.dtype) -> Any:
    """Return the depth to which values of a dtype are converted when they are read."""
    return usable(np.zeros((0, 0, 0), dtype)).dtype.name


def decode(file: Path | bytes, *, mark: bool, max_pixels: int) -> Decoded:
    """Decode the image of a file.

    Args:
        file: The file, or its content.
        mark: Whether pixels that a TIFF marks as having no data become NaN.
        max_pixels: Limit of the number of pixels.

    Raises:
        Exception: Any exception from the libraries, if the file cannot be decoded.
    """
    content = file if isinstance(file, bytes) else file.read_bytes()
    check = partial(check_pixels, max_pixels=max_pixels, what_to_do="cut it into smaller images")
    if content.startswith(NPY):
        with io.BytesIO(content) as opened:
            shape, dtype = _read_npy_header(opened)
            check(shape[:2])
            if math.prod(shape) * dtype.itemsize > len(content):
                raise ImageError("truncated")
            opened.seek(0)
            array = np.load(opened, allow_pickle=False)
        pixels = usable(array.reshape(*array.shape[:2], -1))
        return Decoded(pixels, bands=pixels.shape[-1] not in (1, 3))
    if content.startswith(tiff.STARTS):
        decoded = tiff.decode(content, mark=mark, check=check)
        if decoded is not None:
            return decoded
    with _opened(io.BytesIO(content)) as image:
        check(image.size[::-1])
        if image.format == "PNG" and ";16" in str(image.tile):
            pixels = imagecodecs.png_decode(content)
            pixels = pixels.reshape(*pixels.shape[:2], -1)
            if pixels.shape[-1] == 2:
                pixels = np.concatenate([pixels[..., :1].repeat(3, -1), pixels[..., 1:]], axis=-1)
            pixels = upright(pixels, image.getexif().get(ORIENTATION, 1))
            return Decoded(pixels, alpha=pixels.shape[-1] == 4)
        ImageOps.exif_transpose(image, in_place=True)
        if image.mode == "F" or image.mode.startswith("I"):
            wide = np.asarray(image)[..., None]
            small = wide.dtype == np.int32 and wide.min() >= 0 and wide.max() < 2**16
            return Decoded(usable(wide.astype(np.uint16) if small else wide))
        if image.has_transparency_data:
            return Decoded(_converted(image, "RGBA"), alpha=True)
        return Decoded(_converted(image, "L" if image.mode in ("1", "L") else "RGB"))


def _converted(image: Image.Image, mode: str) -> UInt8[np.ndarray, "height width channels"]:
    """Convert an image to a Pillow mode, some rows at a time to save memory."""
    width, height = image.size
    pixels = np.empty((height, width, len(mode)), np.uint8)
    rows = rows_at_a_time(width)
    for top in range(0, height, rows):
        strip = image.crop((0, top, width, min(top + rows, height))).convert(mode)
        pixels[top : top + rows] = np.asarray(strip).reshape(-1, width, len(mode))
    return pixels


def _has_notes_behind_pixels(png: Path) -> bool:
    with png.open("rb") as opened:
        opened.seek(8)
        pixels = False
        while len(head := opened.read(8)) == 8:
            length, name = struct.unpack(">I4s", head)
            if pixels and name in NOTES:
                return True
            pixels = pixels or name == b"IDAT"
            opened.seek(length + 4, io.SEEK_CUR)
    return False
