"""Reads and writes TIFF files of any depth, compression, color space and order of channels.

The first page of a file is the image. Other pages are further channels of it only if the file
itself combines them, as ImageJ, OME-TIFF (axis C) and tifffile (one array) do.
"""

import contextlib
import ctypes
import io
import itertools
import logging
import math
import operator
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tifffile
from jaxtyping import Bool, Shaped
from PIL import Image
from tifffile import COMPRESSION, EXTRASAMPLE, PHOTOMETRIC

from jaxgan.errors import ImageError
from jaxgan.images.decoded import ORIENTATION, Decoded, RawImage, turned, upright, usable

STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
GDAL_NODATA = 42113  # tag with the value of pixels without data, as text
# Number of color samples per pixel, by color space. Other samples may be opacity or bands.
COLORS: dict[int, int] = {
    PHOTOMETRIC.MINISWHITE: 1,
    PHOTOMETRIC.MINISBLACK: 1,
    PHOTOMETRIC.RGB: 3,
    PHOTOMETRIC.PALETTE: 1,
    PHOTOMETRIC.SEPARATED: 4,  # CMYK
    PHOTOMETRIC.YCBCR: 3,
}
FAXES = (2, 3, 4)  # compressions that versions of tifffile before 2026 do not read

# The exceptions for damaged files contain what these libraries log.
for library in ("tifffile", "imagecodecs", "PIL"):
    logging.getLogger(library).addHandler(logging.NullHandler())
    logging.getLogger(library).propagate = False
for handler in ("TIFFSetErrorHandler", "TIFFSetWarningHandler"):  # of the libtiff in Pillow
    with contextlib.suppress(AttributeError, OSError):  # if it is not a separate library
        getattr(ctypes.CDLL(Image.core.__file__), handler)(None)


class _Location(NamedTuple):
    """The location of the image in a file.

    Attributes:
        series: Pages that belong together.
        page: The first of them.
        selection: Index of the image in the array of all these pages.
        shape: Its shape, as stored.
        channels_first: Whether its channels are the first axis.
    """

    series: tifffile.TiffPageSeries
    page: tifffile.TiffPage
    selection: tuple[slice | int, ...]
    shape: tuple[int, ...]
    channels_first: bool


def decode(
    content: bytes,
    *,
    mark: bool = False,
    check: Callable[[tuple[int, ...], int], None] = lambda size, channels: None,
) -> Decoded | None:
    """Decode the image of a TIFF.

    Args:
        content: The bytes of the file.
        check: Raises ImageError if an image is too large, given its height and width and the number
            of channels to decode.
        mark: Whether pixels that GDAL's tag marks as having no data become NaN. If there are any,
            the image becomes float32.

    Returns:
        The image, or None if Pillow has to decode it.

    Raises:
        ImageError: If the file does not hold one image.
    """
    with tifffile.TiffFile(io.BytesIO(content)) as tiff:
        series, page, selection, shape, channels_first = _locate(tiff)
        size = shape[1:] if channels_first else shape[:2]
        one_page = math.prod(page.shape) == math.prod(shape)
        check(size, math.prod(page.shape if one_page else series.shape) // math.prod(size))
        check((page.tilelength, page.tilewidth), page.samplesperpixel)
        if _is_for_pillow(page):
            return None
        ends = map(operator.add, page.dataoffsets, page.databytecounts)
        if page.compression != COMPRESSION.NONE and max(ends, default=0) > len(content):
            raise ImageError("truncated")  # some decoders would fill in missing data
        samples = page.asarray().reshape(shape) if one_page else series.asarray()[selection]
        if channels_first:
            samples = np.moveaxis(samples, 0, -1)
        samples = samples.reshape(*samples.shape[:2], -1)
        samples = upright(samples, page.tags.valueof(ORIENTATION, default=1))
        decoded = _colored(samples, page)
        if mark and not decoded.alpha and decoded.pixels.shape == samples.shape:
            missing = _missing(samples, page)
            if missing.any():
                return decoded._replace(pixels=np.where(missing, np.float32("nan"), decoded.pixels))
        return decoded


def measure(file: Path) -> tuple[tuple[int, int], np.dtype]:
    """Return the upright size and the dtype of the image of a TIFF without decoding it.

    Raises:
        ImageError: If the file does not hold one image.
    """
    with tifffile.TiffFile(file) as tiff:
        _, page, _, shape, channels_first = _locate(tiff)
        size = shape[1:] if channels_first else shape[:2]
        height, width = turned(size, page.tags.valueof(ORIENTATION, default=1))
        return (height, width), np.dtype(page.dtype)


def write(target: Path | io.BytesIO | io.BufferedRandom, image: RawImage) -> None:
    """Write an image of any depth and number of channels."""
    channels = image.shape[-1]
    tifffile.imwrite(
        target,
        image[..., 0] if channels == 1 else image,
        photometric="rgb" if channels == 3 else "minisblack",
        planarconfig=None if channels == 1 else "contig",
        compression="zlib",
    )


def _locate(tiff: tifffile.TiffFile) -> _Location:
    """Find the image of a file: index 0 along all axes except Y, X and the channels.

    tifffile calls the channels within a page S, pages that are channels C, and unnamed axes of an
    array Q. Arrays are often stored with the channels first, so the shorter one of the first and
    the last axis holds the channels.
    """
    series = tiff.series[0]
    page = series.keyframe
    assert page is not None
    inside = [
        axis in "YXSC" or (axis == "Q" and length > 1)
        for axis, length in zip(series.axes, series.shape, strict=True)
    ]
    axes = "".join(itertools.compress(series.axes, inside))
    shape = tuple(itertools.compress(series.shape, inside))
    if len(shape) not in (2, 3) or 0 in shape:
        raise ImageError(f"holds {series.shape} values along {series.axes}, not one image")
    channels_first = len(shape) == 3 and (axes[0] in "SC" or ("Q" in axes and shape[0] < shape[-1]))
    selection = tuple(slice(None) if kept else 0 for kept in inside)
    return _Location(series, page, selection, shape, channels_first)


def _is_for_pillow(page: tifffile.TiffPage) -> bool:
    """Return whether Pillow has to decode a page, at 8 bits.

    tifffile does not convert color spaces that are not in `COLORS`, nor YCbCr except from JPEG.
    Pillow has the tables to convert them.
    """
    plain_jpeg = page.compression == COMPRESSION.JPEG and page.samplesperpixel == 3
    if page.photometric == PHOTOMETRIC.YCBCR and not (plain_jpeg and page.planarconfig == 1):
        return True
    return page.photometric not in COLORS or page.compression in FAXES


def _colored(samples: RawImage, page: tifffile.TiffPage) -> Decoded:
    """Convert samples to gray, RGB or RGBA, or return them unchanged if they are bands."""
    channels, photometric = samples.shape[-1], page.photometric
    count = COLORS[photometric] if page.samplesperpixel > 1 else channels
    color = _color(samples[..., :count], page)
    rest = usable(_scaled(samples[..., count:], page.bitspersample, color.dtype))
    untagged = photometric == PHOTOMETRIC.RGB and not page.extrasamples  # opacity, as in Pillow
    opacity = untagged or any(page.extrasamples[:1])  # UNSPECIFIED is 0
    if rest.shape[-1] == 1 and opacity and color.dtype != np.float32:
        if EXTRASAMPLE.ASSOCALPHA in page.extrasamples:
            full = np.iinfo(color.dtype).max
            straight = color * (full / np.maximum(rest, 1))
            color = straight.clip(0, full).round().astype(color.dtype)
        rgb = color.repeat(3, axis=-1) if color.shape[-1] == 1 else color
        return Decoded(np.concatenate([rgb, rest], axis=-1), alpha=True)
    if photometric in (PHOTOMETRIC.PALETTE, PHOTOMETRIC.SEPARATED):
        return Decoded(color)  # further samples are not part of the color
    bands = channels != COLORS[photometric]
    return Decoded(np.concatenate([color, rest], axis=-1), bands=bands)


def _color(
    samples: RawImage, page: tifffile.TiffPage
) -> Shaped[np.ndarray, "height width new_channels"]:
    """Convert the color samples of a page to gray or RGB."""
    photometric, channels = page.photometric, samples.shape[-1]
    if photometric == PHOTOMETRIC.PALETTE:
        if page.colormap is None:
            raise ImageError("has a palette without colors")
        palette = (page.colormap >> 8).astype(np.uint8)  # as in Pillow
        return palette.T[samples[..., 0].astype(np.intp)]
    color = usable(_scaled(samples, page.bitspersample, samples.dtype))
    if color.dtype == np.float32:  # floats have no maximum to invert by
        if photometric == PHOTOMETRIC.SEPARATED:
            raise ImageError(f"holds CMYK of {page.dtype}, not of 8 or 16 bits")
        return color
    full = np.iinfo(color.dtype).max
    if photometric == PHOTOMETRIC.MINISWHITE:
        return full - color
    if photometric == PHOTOMETRIC.SEPARATED:
        if channels != 4:
            raise ImageError(f"holds {channels} inks, not CMYK")
        lit = (full - color[..., :3]) * ((full - color[..., 3:]) / full)
        return lit.round().astype(color.dtype)
    return color


def _scaled(samples: RawImage, bits: int | tuple[int, ...], dtype: np.dtype) -> RawImage:
    """Scale integers that use only some bits of their dtype to the full range of another."""
    integers = samples.dtype in (np.uint8, np.uint16)
    if not integers or isinstance(bits, tuple) or bits == 8 * dtype.itemsize:
        return samples
    factor = np.iinfo(dtype).max / (2**bits - 1)
    return (samples * factor).round().astype(dtype)


def _missing(
    samples: RawImage, page: tifffile.TiffPage
) -> Bool[np.ndarray, "height width channels"]:
    """Return a mask of the samples that GDAL's tag marks as having no data."""
    marker = page.tags.valueof(GDAL_NODATA)
    if marker is None:
        return np.zeros(samples.shape, bool)
    with np.errstate(over="ignore"):
        return usable(samples).astype(np.float32) == np.float32(marker)
