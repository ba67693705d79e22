"""Reads and writes images of any kind: gray, color or many bands; 8 bits, 16 bits or floats."""

import io
from collections.abc import Callable
from functools import partial
from pathlib import Path

import imagecodecs
import numpy as np
from jaxtyping import Shaped
from PIL import Image

from jaxgan.errors import ImageError
from jaxgan.files import replacing
from jaxgan.images import tiff
from jaxgan.images.decoded import RawImage, by_rows
from jaxgan.images.decoders import MAX_PIXELS, Header, decode, measure
from jaxgan.images.kinds import ImageKind, PixelType

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as in Pillow
DEPTHS: list[PixelType] = ["uint8", "uint16", "float32"]


def read_image(
    file: Path | bytes,
    channels: int,
    nodata: float | None = None,
    max_pixels: int = MAX_PIXELS,
) -> RawImage:
    """Read an image at the depth of its file, upright, with the given number of channels.

    For three channels, gray is repeated; for one channel, RGB is converted to luma. Transparent
    parts become white, unless opacity is the fourth of four channels. Palettes, CMYK and similar
    color spaces become RGB.

    Args:
        file: The file, or its content.
        channels: Number of channels to return.
        nodata: Replacement for pixels without data in floats: NaN, and the value in GDAL's nodata
            tag of a TIFF.
        max_pixels: Limit of the number of pixels.

    Returns:
        The image as uint8, uint16 or float32. Integers of fewer bits are scaled to 8 or 16 bits,
        and other integers become floats.

    Raises:
        ImageError: If the file is damaged or too large, or has other channels, or values that are
            not finite.
    """
    marking = partial(decode, mark=nodata is not None, max_pixels=max_pixels)
    pixels, alpha, bands = _guarded(marking, file)
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


def read_as(file: Path | bytes, kind: ImageKind) -> RawImage:
    """Read an image and convert it to a kind. See `read_image` and `ImageKind.convert`.

    Raises:
        ImageError: If the file is damaged, or its image is not of this kind.
    """
    return kind.convert(read_image(file, kind.channels, kind.nodata))


def read_size(file: Path) -> tuple[int, int]:
    """Return the upright height and width of an image without decoding its pixels.

    Raises:
        ImageError: If the size cannot be read.
    """
    return read_header(file).size


def read_header(file: Path) -> Header:
    """Return the size and depth of an image without decoding its pixels.

    Raises:
        ImageError: If the header cannot be read.
    """
    return _guarded(measure, file)


def write_image(file: Path, image: RawImage) -> None:
    """Write an image in the format given by the file's extension.

    Raises:
        ImageError: If the format does not support this number of channels, dtype or size.
    """
    channels, suffix = image.shape[-1], file.suffix.lower()
    if deepest(suffix, channels) is None:
        raise ImageError(f"{suffix} does not hold {channels} channels: choose tiff or npy")
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
                if isinstance(error, OSError) and error.errno:  # from the disk, not the format
                    raise
                size = f"{image.shape[1]}x{image.shape[0]}"
                raise ImageError(
                    f"{suffix} does not hold {size} pixels: choose png or tiff"
                ) from error


def apply_pillow(
    image: RawImage, function: Callable[[Image.Image], Image.Image]
) -> Shaped[np.ndarray, "new_height new_width channels"]:
    """Apply a function on Pillow images, such as a resize, to an image of any kind.

    If Pillow does not support the kind, each channel is processed separately in floats, and the
    result is clipped to the range of the channel, because filters may overshoot it.
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
    """Return the deepest pixel type of a format with these channels, or None if unsupported."""
    if suffix in (".npy", ".tif", ".tiff"):
        return "float32"
    if suffix == ".png" and channels in (1, 3, 4):
        return "uint16"
    channels_held = {".jpg": (1, 3), ".jpeg": (1, 3), ".bmp": (1, 3), ".webp": (1, 3, 4)}
    return "uint8" if channels in channels_held.get(suffix, ()) else None


def choose_suffix(suffix: str, kind: ImageKind) -> str:
    """Return `suffix` if its format can store a kind, or else the first of .png and .tiff."""

    def holds(suffix):
        depth = deepest(suffix.lower(), kind.channels)
        return depth is not None and DEPTHS.index(depth) >= DEPTHS.index(kind.dtype)

    return next(filter(holds, (suffix, ".png", ".tiff")))


def encode_image(image: RawImage) -> bytes:
    """Encode an image losslessly, as PNG if it is 8-bit RGB and as TIFF otherwise."""
    buffer = io.BytesIO()
    if image.dtype == np.uint8 and image.shape[-1] == 3:
        Image.fromarray(image).save(buffer, "png", compress_level=3)
    else:
        tiff.write(buffer, image)
    return buffer.getvalue()


def _guarded(read, file):
    """Call `read` on a file and convert any exception to an ImageError."""
    if isinstance(file, Path) and file.exists() and not file.is_file():
        raise ImageError("is not a regular file")  # opening a named pipe would wait for a writer
    try:
        return read(file)
    except ImageError:
        raise
    except Exception as error:  # decoders raise any exception on damaged files
        reason = "not an image" if isinstance(error, Image.UnidentifiedImageError) else str(error)
        raise ImageError(reason.splitlines()[0] if reason else type(error).__name__) from error


def _over_white(rgba: RawImage) -> Shaped[np.ndarray, "height width 3"]:
    full = np.iinfo(rgba.dtype).max
    opacity = rgba[..., 3:] / full
    return (opacity * rgba[..., :3] + (1 - opacity) * full).round().astype(rgba.dtype)


def _luma(rgb: RawImage) -> Shaped[np.ndarray, "height width 1"]:
    with np.errstate(invalid="ignore", over="ignore"):  # infinite values are rejected later
        luma = rgb @ np.array(LUMA)[:, None]
    return (luma if rgb.dtype == np.float32 else luma.round()).astype(rgb.dtype)
