"""Files of images of any kind: gray, color or many bands; 8 bits, 16 bits or floats.

TIFF goes through tifffile, PNG of 16 bits through imagecodecs, arrays through NumPy, all else
through Pillow.
"""

import contextlib
import io
import math
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import imagecodecs
import numpy as np
from jaxtyping import Shaped, UInt8
from PIL import Image, ImageOps

from jaxgan import tiff
from jaxgan.decoded import (
    ORIENTATION,
    Decoded,
    Pixelated,
    by_rows,
    rows_at_a_time,
    turned,
    upright,
    usable,
)
from jaxgan.errors import ImageError
from jaxgan.files import replacing
from jaxgan.pixels import Pixels, PixelType

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as in Pillow
DEPTHS: list[PixelType] = ["uint8", "uint16", "float32"]
NPY = b"\x93NUMPY"
MAX_PIXELS = 2**28  # of an image: a small file can stand for a huge one that fills the memory
# Formats that are not read, by what follows the first four bytes of a file.
UNREAD = {b"ftyphe": "HEIC", b"ftypmi": "HEIC", b"ftypms": "HEIC", b"ftypav": "AVIF"}
PILLOW = threading.Lock()  # held while Pillow's own limit of pixels, which is a global, is off
NOTES = (b"eXIf", b"tEXt", b"zTXt", b"iTXt")  # chunks of PNG that may hold an orientation


class Header(NamedTuple):
    """What is known of an image before its pixels are decoded.

    Attributes:
        size: Its upright height and width.
        depth: The depth of its values, as far as the format tells.
    """

    size: tuple[int, int]
    depth: PixelType


def read_image(
    file: Path | bytes,
    channels: int,
    nodata: float | None = None,
    max_pixels: int = MAX_PIXELS,
) -> Pixelated:
    """Read an image as it is, upright, with so many channels.

    Gray becomes three equal channels where three are wanted, and RGB its luma where one is.
    Transparent parts become white, unless opacity is wanted as the fourth channel. Palettes, CMYK
    and the like become RGB.

    Args:
        file: The file, or its content.
        channels: How many channels to return.
        nodata: What pixels without data become, in floats: NaN, and the value that GDAL's tag in a
            TIFF names.
        max_pixels: The most pixels that are decoded.

    Returns:
        The image as uint8, uint16 or float32. Integers of fewer bits are scaled to 8 or 16, and
        those of other kinds become floats.

    Raises:
        ImageError: If the file is broken or too large, or has other channels, or values that are
            not finite.
    """
    decode = partial(_decode, mark=nodata is not None, max_pixels=max_pixels)
    pixels, alpha, bands = _guarded(decode, file)
    if alpha and channels in (1, 3):
        pixels = by_rows(_over_white, pixels)
    found = pixels.shape[-1]
    if (found, channels) == (3, 1) and not bands:
        pixels = by_rows(_luma, pixels)
    elif found == 1 and (channels == 3 or (channels == 4 and not bands)):
        pixels = pixels.repeat(3, axis=-1)
    if channels == 4 and pixels.shape[-1] == 3 and not bands and pixels.dtype != np.float32:
        opaque = np.full_like(pixels[..., :1], np.iinfo(pixels.dtype).max)
        pixels = np.concatenate([pixels, opaque], axis=-1)
    if pixels.shape[-1] != channels:
        raise ImageError(f"has {found} channels in place of {channels}")
    if pixels.dtype == np.float32:
        if nodata is not None:
            pixels = np.where(np.isnan(pixels), np.float32(nodata), pixels)
        if not np.isfinite(pixels).all():
            raise ImageError("holds values that are not finite: set nodata to what NaN becomes")
    return np.ascontiguousarray(pixels)


def read_as(file: Path | bytes, kind: Pixels) -> Pixelated:
    """Read an image of a kind, see `read_image` and `Pixels.convert`.

    Raises:
        ImageError: If the file is broken, or its image is not of this kind.
    """
    return kind.convert(read_image(file, kind.channels, kind.nodata))


def read_size(file: Path) -> tuple[int, int]:
    """Return the upright height and width of an image without decoding its pixels.

    Raises:
        ImageError: If that cannot be found.
    """
    return read_header(file).size


def read_header(file: Path) -> Header:
    """Return what is known of an image without decoding its pixels.

    Raises:
        ImageError: If that cannot be found.
    """
    return _guarded(_measure, file)


def _measure(file: Path) -> Header:
    with file.open("rb") as opened:
        start = opened.read(len(NPY))
        if start == NPY:
            opened.seek(0)
            shape, dtype = _read_npy_header(opened)
            return Header(shape[:2], _depth(dtype))
    if start.startswith(tiff.STARTS):
        size, dtype = tiff.measure(file)
        return Header(size, _depth(dtype))
    with _opened(file) as image:
        # Pillow decodes a PNG without EXIF, for there may be some behind the pixels.
        whole = image.format != "PNG" or _has_notes_behind_pixels(file)
        exif = image.getexif() if whole else Image.Image.getexif(image)
        height, width = turned(image.size[::-1], exif.get(ORIENTATION, 1))
        deep = ";16" in str(image.tile) or ";16" in image.mode
        depth = "float32" if image.mode in ("F", "I") else "uint16" if deep else "uint8"
        return Header((height, width), depth)


def check_pixels(
    size: Sequence[int], channels: int = 1, *, max_pixels: int, what_to_do: str
) -> None:
    """Check that an image is not larger than a limit, which is lower for more than 4 channels.

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


def write_image(file: Path, image: Pixelated) -> None:
    """Write an image in the format that the file's name ends in.

    Raises:
        ImageError: If the format does not hold so many channels, or values of this kind, or
            images of this size.
    """
    channels, suffix = image.shape[-1], file.suffix.lower()
    if deepest(suffix, channels) is None:
        raise ImageError(f"{suffix} does not hold {channels} channels: take tiff or npy")
    with replacing(file) as opened:
        if suffix == ".npy":
            np.save(opened, image)
        elif suffix in (".tif", ".tiff"):
            tiff.write(opened, image)
        elif image.dtype == np.uint16 and channels != 1:
            opened.write(imagecodecs.png_encode(image))
        else:
            name = Image.registered_extensions()[suffix]
            try:
                Image.fromarray(image[..., 0] if channels == 1 else image).save(opened, name)
            except (OSError, ValueError) as error:
                if isinstance(error, OSError) and error.errno:  # the disk's fault, not the image's
                    raise
                size = f"{image.shape[1]}x{image.shape[0]}"
                raise ImageError(
                    f"{suffix} does not hold {size} pixels: take png or tiff"
                ) from error


def change(
    image: Pixelated, function: Callable[[Image.Image], Image.Image]
) -> Shaped[np.ndarray, "new_height new_width channels"]:
    """Apply a function of Pillow's images, such as a resize, to an image of any kind.

    Where Pillow has no such images, every channel is treated by itself in floats, and what a filter
    makes darker or brighter than anything in it is cut off.
    """
    if image.dtype == np.uint8 and image.shape[-1] in (1, 3):
        pixels = np.asarray(
            function(Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image))
        )
        return pixels.reshape(*pixels.shape[:2], -1)
    channels = [
        np.asarray(function(Image.fromarray(channel.astype(np.float32)))).clip(
            channel.min(), channel.max()
        )
        for channel in np.moveaxis(image, -1, 0)
    ]
    changed = np.stack(channels, axis=-1)
    return (changed if image.dtype == np.float32 else changed.round()).astype(image.dtype)


def deepest(suffix: str, channels: int) -> PixelType | None:
    """Return the deepest values that a format holds in so many channels, or None if it does not."""
    if suffix in (".npy", ".tif", ".tiff"):
        return "float32"
    if suffix == ".png" and channels in (1, 3, 4):
        return "uint16"
    channels_held = {".jpg": (1, 3), ".jpeg": (1, 3), ".bmp": (1, 3), ".webp": (1, 3, 4)}
    return "uint8" if channels in channels_held.get(suffix, ()) else None


def choose_suffix(suffix: str, kind: Pixels) -> str:
    """Return the ending of a file, or the first of .png and .tiff if that does not hold a kind."""

    def holds(suffix):
        held = deepest(suffix.lower(), kind.channels)
        return held is not None and DEPTHS.index(held) >= DEPTHS.index(kind.dtype)

    return next(filter(holds, (suffix, ".png", ".tiff")))


def encode_image(image: Pixelated) -> bytes:
    """Return an image as the bytes of a file that loses nothing.

    It is PNG for 8-bit RGB, and TIFF for all else.
    """
    buffer = io.BytesIO()
    if image.dtype == np.uint8 and image.shape[-1] == 3:
        Image.fromarray(image).save(buffer, "png", compress_level=3)
    else:
        tiff.write(buffer, image)
    return buffer.getvalue()


def _guarded(read, file):
    """Call `read` on a file; what goes wrong becomes an ImageError."""
    if isinstance(file, Path) and file.exists() and not file.is_file():
        raise ImageError("is not a regular file")  # opening a named pipe would wait for a writer
    try:
        return read(file)
    except ImageError:
        raise
    except Exception as error:  # decoders raise anything on broken files
        reason = "not an image" if isinstance(error, Image.UnidentifiedImageError) else str(error)
        raise ImageError(reason.splitlines()[0] if reason else type(error).__name__) from error


@contextlib.contextmanager
def _opened(file: Path | io.BufferedIOBase) -> Iterator[Image.Image]:
    """Open an image with Pillow, with neither its limit of pixels nor its warning at half of it.

    Raises:
        ImageError: If it is of a known format that is not read.
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


def _refuse_unread(file: Path | io.BufferedIOBase) -> None:
    with file.open("rb") if isinstance(file, Path) else file as opened:
        opened.seek(4)
        start = opened.read(8)
    for begin, name in UNREAD.items():
        if start.startswith(begin):
            raise ImageError(f"is {name}, which is not read: convert it to PNG or JPEG")


def _read_npy_header(opened: io.BufferedIOBase) -> tuple[tuple[int, ...], np.dtype]:
    version = np.lib.format.read_magic(opened)
    if version not in ((1, 0), (2, 0)):  # which hold all but named fields
        raise ImageError(f"an array of version {version} does not hold numbers")
    read = getattr(np.lib.format, f"read_array_header_{version[0]}_0")
    shape, _, dtype = read(opened)
    if len(shape) not in (2, 3) or min(shape) < 1:
        raise ImageError(f"an array of shape {shape} is no height, width and channels")
    return shape, dtype


def _depth(dtype: np.dtype) -> Any:
    """Return the depth that values of a file are read as."""
    return usable(np.zeros((0, 0, 0), dtype)).dtype.name


def _decode(file: Path | bytes, *, mark: bool, max_pixels: int) -> Decoded:
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
    """Return an image in a mode of Pillow's, converted some rows at a time to save memory."""
    width, height = image.size
    pixels = np.empty((height, width, len(mode)), np.uint8)
    rows = rows_at_a_time(width)
    for top in range(0, height, rows):
        strip = image.crop((0, top, width, min(top + rows, height))).convert(mode)
        pixels[top : top + rows] = np.asarray(strip).reshape(-1, width, len(mode))
    return pixels


def _over_white(rgba: Pixelated) -> Shaped[np.ndarray, "height width 3"]:
    full = np.iinfo(rgba.dtype).max
    opacity = rgba[..., 3:] / full
    return (opacity * rgba[..., :3] + (1 - opacity) * full).round().astype(rgba.dtype)


def _luma(rgb: Pixelated) -> Shaped[np.ndarray, "height width 1"]:
    with np.errstate(invalid="ignore", over="ignore"):  # infinite values are refused later
        luma = rgb @ np.array(LUMA)[:, None]
    return (luma if rgb.dtype == np.float32 else luma.round()).astype(rgb.dtype)


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
