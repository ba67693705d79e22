"""TIFF files of any depth, compression, color space and order of channels.

The first page of a file is the image. Other pages are further channels of it only if the file
itself joins them, as ImageJ, OME-TIFF (axis C) and tifffile (one array) do.
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
GDAL_NODATA = 42113  # a tag: the value, as text, of pixels without data
# Color spaces, and the samples of a pixel that are its color; others may be opacity or bands.
COLORS: dict[int, int] = {
    PHOTOMETRIC.MINISWHITE: 1,
    PHOTOMETRIC.MINISBLACK: 1,
    PHOTOMETRIC.RGB: 3,
    PHOTOMETRIC.PALETTE: 1,
    PHOTOMETRIC.SEPARATED: 4,  # CMYK
    PHOTOMETRIC.YCBCR: 3,
}
FAXES = (2, 3, 4)  # compressions that versions of tifffile before 2026 do not read

# What these libraries log of damaged files is in the errors, too.
for library in ("tifffile", "imagecodecs", "PIL"):
    logging.getLogger(library).addHandler(logging.NullHandler())
    logging.getLogger(library).propagate = False
for handler in ("TIFFSetErrorHandler", "TIFFSetWarningHandler"):  # of the libtiff in Pillow
    with contextlib.suppress(AttributeError, OSError):  # where it is not a library of its own
        getattr(ctypes.CDLL(Image.core.__file__), handler)(None)


class _Location(NamedTuple):
    """Where a file holds its image.

    Attributes:
        series: Pages that belong together.
        page: The first of them.
        selection: The image among the values of all these pages.
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
        check: Raises ImageError if an image is too large, by its height and width, and by the
            channels that are decoded for it.
        mark: Whether pixels become NaN, and the others floats, where GDAL's tag says that there are
            no data.

    Returns:
        The image, or None if it has to be decoded by Pillow.

    Raises:
        ImageError: If the file holds something else than one image.
    """
    with tifffile.TiffFile(io.BytesIO(content)) as tiff:
        series, page, selection, shape, channels_first = _locate(tiff)
        size = shape[1:] if channels_first else shape[:2]
        alone = math.prod(page.shape) == math.prod(shape)
        check(size, math.prod(page.shape if alone else series.shape) // math.prod(size))
        check((page.tilelength, page.tilewidth), page.samplesperpixel)
        if _is_for_pillow(page):
            return None
        ends = map(operator.add, page.dataoffsets, page.databytecounts)
        if page.compression != COMPRESSION.NONE and max(ends, default=0) > len(content):
            raise ImageError("truncated")  # some decoders would fill up what is missing
        samples = page.asarray().reshape(shape) if alone else series.asarray()[selection]
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
    """Return the upright size of the image of a TIFF and the type of its values, undecoded.

    Raises:
        ImageError: If the file holds something else than one image.
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
    """Find the image of a file: the first page along all axes but Y, X and the channels.

    tifffile names a page's own channels S, pages that are channels C, and the axes of an array Q if
    its writer did not. Arrays are often written with the channels first: there, they are the
    shorter one of the first and the last axis.
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
    """Return whether Pillow has to decode a page, which it does at 8 bits.

    tifffile returns other color spaces as they are stored, and so YCbCr, except from JPEG. Pillow
    has the tables for them.
    """
    plain_jpeg = page.compression == COMPRESSION.JPEG and page.samplesperpixel == 3
    if page.photometric == PHOTOMETRIC.YCBCR and not (plain_jpeg and page.planarconfig == 1):
        return True
    return page.photometric not in COLORS or page.compression in FAXES


def _colored(samples: RawImage, page: tifffile.TiffPage) -> Decoded:
    """Return samples as gray, RGB or RGBA, or as they are if they are bands."""
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
        return Decoded(color)  # what else there is belongs to no color
    bands = channels != COLORS[photometric]
    return Decoded(np.concatenate([color, rest], axis=-1), bands=bands)


def _color(
    samples: RawImage, page: tifffile.TiffPage
) -> Shaped[np.ndarray, "height width new_channels"]:
    """Return the samples that hold the color of a page as gray or RGB."""
    photometric, channels = page.photometric, samples.shape[-1]
    if photometric == PHOTOMETRIC.PALETTE:
        if page.colormap is None:
            raise ImageError("has a palette without colors")
        palette = (page.colormap >> 8).astype(np.uint8)  # as in Pillow
        return palette.T[samples[..., 0].astype(np.intp)]
    color = usable(_scaled(samples, page.bitspersample, samples.dtype))
    if color.dtype == np.float32:  # and has no white to be inverted
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
    """Return integers that use some bits of their dtype as integers that use all of another."""
    integers = samples.dtype in (np.uint8, np.uint16)
    if not integers or isinstance(bits, tuple) or bits == 8 * dtype.itemsize:
        return samples
    factor = np.iinfo(dtype).max / (2**bits - 1)
    return (samples * factor).round().astype(dtype)


def _missing(
    samples: RawImage, page: tifffile.TiffPage
) -> Bool[np.ndarray, "height width channels"]:
    """Return where GDAL's tag says that there are no data."""
    marker = page.tags.valueof(GDAL_NODATA)
    if marker is None:
        return np.zeros(samples.shape, bool)
    with np.errstate(over="ignore"):
        return usable(samples).astype(np.float32) == np.float32(marker)
