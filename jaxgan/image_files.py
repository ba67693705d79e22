"""Files of images of any kind: gray, color or many bands; 8 bits, 16 bits or floats.

TIFF goes through tifffile, PNG of 16 bits through imagecodecs, arrays through NumPy, all else
through Pillow.
"""

import io
import struct
from collections.abc import Callable
from functools import partial
from pathlib import Path

import imagecodecs
import numpy as np
from jaxtyping import Shaped
from PIL import Image, ImageOps

from jaxgan import tiff
from jaxgan.decoded import ORIENTATION, Decoded, Pixelated, turned, upright, usable
from jaxgan.errors import ImageError
from jaxgan.pixels import Pixels, PixelType

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as in Pillow
DEPTHS: list[PixelType] = ["uint8", "uint16", "float32"]
NPY = b"\x93NUMPY"
NOTES = (b"eXIf", b"tEXt", b"zTXt", b"iTXt")  # chunks of PNG that may hold an orientation


def read_image(file: Path | bytes, channels: int, nodata: float | None = None) -> Pixelated:
    """Read an image as it is, upright, with so many channels.

    Gray becomes three equal channels where three are wanted, and RGB its luma where one is.
    Transparent parts become white, unless opacity is wanted as the fourth channel. Palettes, CMYK
    and the like become RGB.

    Args:
        file: The file, or its content.
        channels: How many channels to return.
        nodata: What pixels without data become, in floats: NaN, and the value that GDAL's tag in a
            TIFF names.

    Returns:
        The image as uint8, uint16 or float32. Integers of fewer bits are scaled to 8 or 16, and
        those of other kinds become floats.

    Raises:
        ImageError: If the file is broken, or has other channels, or values that are not finite.
    """
    pixels, alpha, bands = _guarded(partial(_decode, mark=nodata is not None), file)
    if alpha and channels in (1, 3):
        full = np.iinfo(pixels.dtype).max
        opacity = pixels[..., 3:] / full
        over_white = opacity * pixels[..., :3] + (1 - opacity) * full
        pixels = over_white.round().astype(pixels.dtype)
    found = pixels.shape[-1]
    if (found, channels) == (3, 1) and not bands:
        luma = pixels @ np.array(LUMA)[:, None]
        pixels = (luma if pixels.dtype == np.float32 else luma.round()).astype(pixels.dtype)
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
        ImageError: If that cannot be told.
    """

    def measure(file):
        with file.open("rb") as opened:
            start = opened.read(len(NPY))
        if start == NPY:
            return np.load(file, mmap_mode="r").shape[:2]
        if start.startswith(tiff.STARTS):
            return tiff.measure(file)
        with Image.open(file) as image:
            # Pillow decodes a PNG without EXIF, for there may be some behind the pixels.
            whole = image.format != "PNG" or _has_notes_behind_pixels(file)
            exif = image.getexif() if whole else Image.Image.getexif(image)
            return turned(image.size[::-1], exif.get(ORIENTATION, 1))

    height, width = _guarded(measure, file)
    return height, width


def write_image(file: Path, image: Pixelated) -> None:
    """Write an image in the format that the file's name ends in.

    Raises:
        ImageError: If the format does not hold so many channels, or values of this kind, or
            images of this size.
    """
    dtype, channels, suffix = image.dtype, image.shape[-1], file.suffix.lower()
    if deepest(suffix, channels) is None:
        raise ImageError(f"{suffix} does not hold {channels} channels: take tiff or npy")
    if suffix == ".npy":
        np.save(file, image)
    elif suffix in (".tif", ".tiff"):
        tiff.write(file, image)
    elif dtype == np.uint16 and channels != 1:
        file.write_bytes(imagecodecs.png_encode(image))
    else:
        try:
            Image.fromarray(image[..., 0] if channels == 1 else image).save(file)
        except (OSError, ValueError) as error:
            if isinstance(error, OSError) and error.errno:  # the disk's fault, not the image's
                raise
            file.unlink(missing_ok=True)
            size = f"{image.shape[1]}x{image.shape[0]}"
            raise ImageError(f"{suffix} does not hold {size} pixels: take png or tiff") from error


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
    try:
        return read(file)
    except ImageError:
        raise
    except Exception as error:  # decoders raise anything on broken files
        reason = "not an image" if isinstance(error, Image.UnidentifiedImageError) else str(error)
        raise ImageError(reason.splitlines()[0] if reason else type(error).__name__) from error


def _decode(file: Path | bytes, *, mark: bool) -> Decoded:
    content = file if isinstance(file, bytes) else file.read_bytes()
    if content.startswith(NPY):
        array = np.load(io.BytesIO(content), allow_pickle=False)
        if array.ndim not in (2, 3):
            raise ImageError(f"an array of shape {array.shape} is no height, width and channels")
        pixels = usable(array.reshape(*array.shape[:2], -1))
        return Decoded(pixels, bands=pixels.shape[-1] not in (1, 3))
    if content.startswith(tiff.STARTS):
        decoded = tiff.decode(content, mark=mark)
        if decoded is not None:
            return decoded
    with Image.open(io.BytesIO(content)) as image:
        if image.format == "PNG" and ";16" in str(image.tile):
            pixels = imagecodecs.png_decode(content)
            pixels = pixels.reshape(*pixels.shape[:2], -1)
            if pixels.shape[-1] == 2:
                pixels = np.concatenate([pixels[..., :1].repeat(3, -1), pixels[..., 1:]], axis=-1)
            pixels = upright(pixels, image.getexif().get(ORIENTATION, 1))
            return Decoded(pixels, alpha=pixels.shape[-1] == 4)
        image = ImageOps.exif_transpose(image)
        if image.mode == "F" or image.mode.startswith("I"):
            wide = np.asarray(image)[..., None]
            small = wide.dtype == np.int32 and wide.min() >= 0 and wide.max() < 2**16
            return Decoded(usable(wide.astype(np.uint16) if small else wide))
        if image.has_transparency_data:
            return Decoded(np.asarray(image.convert("RGBA")), alpha=True)
        gray = image.mode in ("1", "L")
        pixels = np.asarray(image.convert("L" if gray else "RGB"))
        return Decoded(pixels.reshape(*pixels.shape[:2], -1))


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
