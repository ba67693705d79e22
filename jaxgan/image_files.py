"""Files of images of any kind: gray, color or many bands; 8 bits, 16 bits or floats.

Pillow reads and writes what has 8 bits; TIFF and PNG beyond that go through tifffile and
imagecodecs, arrays through NumPy.
"""

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import imagecodecs
import numpy as np
import tifffile
from jaxtyping import Shaped
from PIL import Image, ImageOps

from jaxgan.errors import ImageError
from jaxgan.pixels import Pixels, PixelType

ORIENTATION = 0x0112  # the tag of EXIF
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as in Pillow
DEPTHS: list[PixelType] = ["uint8", "uint16", "float32"]
NPY = b"\x93NUMPY"
TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

Pixelated = Shaped[np.ndarray, "height width channels"]


class Decoded(NamedTuple):
    """What a file holds: uint8, uint16 or float32, upright.

    Attributes:
        pixels: Its values.
        alpha: Whether the last of its four channels is opacity.
        bands: Whether its channels may be anything, not gray, RGB or RGBA.
    """

    pixels: Pixelated
    alpha: bool = False
    bands: bool = False


def read_image(file: Path | bytes, channels: int) -> Pixelated:
    """Read an image as it is, upright, with so many channels.

    Gray becomes three equal channels where three are wanted, and RGB its luma where one is.
    Transparent parts become white, unless opacity is wanted as the fourth channel. Palettes, CMYK
    and the like become RGB.

    Returns:
        The image as uint8, uint16 or float32. Integers of other kinds become floats.

    Raises:
        ImageError: If the file is broken, or has other channels.
    """
    pixels, alpha, bands = _guarded(_decode, file)
    if alpha and channels in (1, 3):
        full = np.iinfo(pixels.dtype).max
        opacity = pixels[..., 3:] / full
        over_white = opacity * pixels[..., :3] + (1 - opacity) * full
        pixels = over_white.round().astype(pixels.dtype)
    found = pixels.shape[-1]
    if (found, channels) == (3, 1):
        luma = pixels @ np.array(LUMA)[:, None]
        pixels = (luma if pixels.dtype == np.float32 else luma.round()).astype(pixels.dtype)
    elif found == 1 and (channels == 3 or (channels == 4 and not bands)):
        pixels = pixels.repeat(3, axis=-1)
    if channels == 4 and pixels.shape[-1] == 3 and not bands:
        opaque = np.full_like(pixels[..., :1], np.iinfo(pixels.dtype).max)
        pixels = np.concatenate([pixels, opaque], axis=-1)
    if pixels.shape[-1] != channels:
        raise ImageError(f"has {found} channels in place of {channels}")
    return np.ascontiguousarray(pixels)


def read_as(file: Path | bytes, kind: Pixels) -> Pixelated:
    """Read an image of a kind, see `read_image` and `Pixels.convert`.

    Raises:
        ImageError: If the file is broken, or its image is not of this kind.
    """
    return kind.convert(read_image(file, kind.channels))


def read_size(file: Path) -> tuple[int, int]:
    """Return the upright height and width of an image without reading all of it.

    Raises:
        ImageError: If that cannot be told.
    """

    def measure(file):
        with file.open("rb") as opened:
            start = opened.read(len(NPY))
        if start == NPY:
            return np.load(file, mmap_mode="r").shape[:2]
        if start.startswith(TIFF):
            with tifffile.TiffFile(file) as tiff:
                if _is_beyond_pillow(tiff):
                    shape, channels_first = _layout(tiff)
                    orientation = tiff.pages.first.tags.valueof(ORIENTATION, default=1)
                    return _turned(shape[1:] if channels_first else shape[:2], orientation)
        with Image.open(file) as image:
            return _turned(image.size[::-1], image.getexif().get(ORIENTATION, 1))

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
        _write_tiff(file, image)
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
        _write_tiff(buffer, image)
    return buffer.getvalue()


def _write_tiff(target: Path | io.BytesIO, image: Pixelated) -> None:
    channels = image.shape[-1]
    tifffile.imwrite(
        target,
        image[..., 0] if channels == 1 else image,
        photometric="rgb" if channels == 3 else "minisblack",
        planarconfig=None if channels == 1 else "contig",
        compression="zlib",
    )


def _guarded(read, file):
    """Call `read` on a file; what goes wrong becomes an ImageError."""
    try:
        return read(file)
    except ImageError:
        raise
    except Exception as error:  # decoders raise anything on broken files
        reason = "not an image" if isinstance(error, Image.UnidentifiedImageError) else str(error)
        raise ImageError(reason.splitlines()[0] if reason else type(error).__name__) from error


def _decode(file: Path | bytes) -> Decoded:
    content = file if isinstance(file, bytes) else file.read_bytes()
    if content.startswith(NPY):
        array = np.load(io.BytesIO(content), allow_pickle=False)
        if array.ndim not in (2, 3):
            raise ImageError(f"an array of shape {array.shape} is no height, width and channels")
        return Decoded(_usable(array.reshape(*array.shape[:2], -1)), bands=True)
    if content.startswith(TIFF):
        with tifffile.TiffFile(io.BytesIO(content)) as tiff:
            if _is_beyond_pillow(tiff):
                return _decode_tiff(tiff)
    with Image.open(io.BytesIO(content)) as image:
        if image.format == "PNG" and image.mode in ("RGB", "RGBA") and ";16" in str(image.tile):
            pixels = imagecodecs.png_decode(content)
            if pixels.shape[-1] == 2:
                pixels = np.concatenate([pixels[..., :1].repeat(3, -1), pixels[..., 1:]], axis=-1)
            pixels = _upright(pixels, image.getexif().get(ORIENTATION, 1))
            return Decoded(pixels, alpha=pixels.shape[-1] == 4)
        image = ImageOps.exif_transpose(image)
        if image.mode == "F" or image.mode.startswith("I"):
            wide = np.asarray(image)[..., None]
            small = wide.dtype == np.int32 and wide.min() >= 0 and wide.max() < 2**16
            return Decoded(_usable(wide.astype(np.uint16) if small else wide))
        if image.has_transparency_data:
            return Decoded(np.asarray(image.convert("RGBA")), alpha=True)
        gray = image.mode in ("1", "L")
        pixels = np.asarray(image.convert("L" if gray else "RGB"))
        return Decoded(pixels.reshape(*pixels.shape[:2], -1))


def _is_beyond_pillow(tiff: tifffile.TiffFile) -> bool:
    page = tiff.pages.first
    plain = page.photometric in (tifffile.PHOTOMETRIC.MINISBLACK, tifffile.PHOTOMETRIC.RGB)
    unspecified = tifffile.EXTRASAMPLE.UNSPECIFIED in page.extrasamples
    return plain and (page.dtype != np.uint8 or unspecified or len(tiff.series[0].shape) > 3)


def _layout(tiff: tifffile.TiffFile) -> tuple[tuple[int, ...], bool]:
    """Return the shape of what a TIFF holds first, and whether its channels come first.

    Arrays are often written without saying which axis holds the channels: it is the shorter one of
    the first and the last.
    """
    series = tiff.series[0]
    if series.ndim not in (2, 3):
        raise ImageError(f"holds {series.shape} values along {series.axes}, not one image")
    shorter_first = series.axes[-1] != "S" and series.shape[0] < series.shape[-1]
    channels_first = series.ndim == 3 and (series.axes[0] in "CS" or shorter_first)
    return series.shape, channels_first


def _decode_tiff(tiff: tifffile.TiffFile) -> Decoded:
    _, channels_first = _layout(tiff)
    pixels = tiff.series[0].asarray()
    if channels_first:
        pixels = np.moveaxis(pixels, 0, -1)
    pixels = _upright(pixels, tiff.pages.first.tags.valueof(ORIENTATION, default=1))
    pixels = _usable(pixels.reshape(*pixels.shape[:2], -1))
    opacity = (tifffile.EXTRASAMPLE.ASSOCALPHA, tifffile.EXTRASAMPLE.UNASSALPHA)
    alpha = pixels.dtype != np.float32 and pixels.shape[-1] == 4
    alpha = alpha and tiff.pages.first.extrasamples[-1:] in [(kind,) for kind in opacity]
    return Decoded(pixels, alpha=alpha, bands=not alpha)


def _turned(size: Sequence[int], orientation: int) -> Sequence[int]:
    return size[::-1] if orientation >= 5 else size


def _upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Turn and mirror as the tag says, which Pillow does not do for what it cannot read."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels[:, ::-1] if orientation in (2, 3, 6, 7) else pixels


def _usable(pixels: Pixelated) -> Pixelated:
    """Return values as uint8, uint16 or float32."""
    if pixels.dtype == bool:
        return pixels.astype(np.uint8) * np.uint8(255)
    if pixels.dtype in (np.uint8, np.uint16):
        return pixels
    if not np.issubdtype(pixels.dtype, np.number) or np.iscomplexobj(pixels):
        raise ImageError(f"holds {pixels.dtype}, not numbers")
    pixels = pixels.astype(np.float32)
    if not np.isfinite(pixels).all():
        raise ImageError("holds values that are not finite")
    return pixels
