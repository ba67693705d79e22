"""The colors that stand for the classes in label maps, and the classes in images.

Label maps are often kept as JPEG, which blurs two colors into each other where they meet and
changes the rest by a little. Colors are therefore looked up where a map is flat, unless the maps
have few colors anyway.
"""

from collections.abc import Iterable

import numpy as np
from jaxtyping import Bool, Integer, UInt8, UInt32

from jaxgan.errors import UserError

MAX_CLASSES = 40  # Cityscapes has 30 and several kinds of void
LOOKED_AT = 100  # label maps that are searched for colors
RAREST = 1e-3  # share of pixels below which a color is no class
NEAR = 16.0  # Euclidean distance up to which colors are one; Cityscapes has two classes 20 apart
FLAT = 8  # greatest difference in any channel within a flat square of 2x2 pixels
COVERED = 0.25  # share of pixels, at least, that are flat and near the color of a class
PURE = 0.5  # share of these, at least, within a third of that distance; in gray photos, 0.35 are

Palette = UInt8[np.ndarray, "classes 3"]
Colors = Integer[np.ndarray, "colors 3"]
Counts = Integer[np.ndarray, " colors"]


def find_palette(label_maps: UInt8[np.ndarray, "count height width 3"]) -> Palette:
    """Return the colors of all classes, the most frequent first.

    Args:
        label_maps: RGB images of few colors, with or without the noise of JPEG.

    Raises:
        UserError: If the images have too many colors, or only one.
    """
    some = label_maps[:: -(-len(label_maps) // LOOKED_AT)]
    colors, counts = _count(_pack(image) for image in some)
    if len(colors) > MAX_CLASSES:
        colors, counts = _count(_pack(image[:-1, :-1])[_flat(image)] for image in some)
    pixels = some[..., 0].size
    palette, covered, pure = _merge(colors, counts, round(RAREST * pixels))
    if len(palette) > MAX_CLASSES or covered < COVERED * pixels or pure < PURE * covered:
        raise UserError(
            "these are not label maps: their pixels have too many different colors: "
            "choose a data set with label maps, and say with label_maps which of A and B they are"
        )
    if len(palette) < 2:
        raise UserError("these label maps have a single color: there is nothing to tell apart")
    return palette


def to_classes(
    images: UInt8[np.ndarray, "count height width 3"], palette: Palette
) -> UInt8[np.ndarray, "count height width"]:
    """Return the number of the nearest color of the palette for every pixel."""
    classes = np.empty(images.shape[:-1], np.uint8)
    for image, numbers in zip(images, classes, strict=True):
        packed, places = np.unique(_pack(image), return_inverse=True)
        apart = np.square(_unpack(packed)[:, None] - palette.astype(np.int64)).sum(axis=-1)
        numbers[:] = apart.argmin(axis=-1)[places].reshape(numbers.shape)
    return classes


def _count(images: Iterable[UInt32[np.ndarray, "..."]]) -> tuple[Colors, Counts]:
    """Return all colors, the most frequent first, and their counts; one image at a time."""
    found = [np.unique(image, return_counts=True) for image in images]
    packed, places = np.unique(np.concatenate([colors for colors, _ in found]), return_inverse=True)
    counts = np.zeros(len(packed), np.int64)
    np.add.at(counts, places, np.concatenate([counts for _, counts in found]))
    order = np.argsort(-counts, kind="stable")
    return _unpack(packed[order]), counts[order]


def _merge(colors: Colors, counts: Counts, rarest: int) -> tuple[Palette, int, int]:
    """Let each frequent color stand for those near it.

    Args:
        colors: Colors, the most frequent first.
        counts: Their pixels.
        rarest: Least number of pixels of a class.

    Returns:
        At most one color more than there may be classes, how many pixels they stand for, and how
        many of these are three times nearer than they need be.
    """
    palette, covered, pure = [], 0, 0
    while counts.sum() >= max(rarest, 1) and len(palette) <= MAX_CLASSES:
        apart = np.linalg.norm(colors - colors[0], axis=-1)
        near = apart <= NEAR
        pixels = int(counts[near].sum())
        if pixels >= rarest:
            palette.append(colors[0])
            covered += pixels
            pure += int(counts[apart <= NEAR / 3].sum())
        colors, counts = colors[~near], counts[~near]
    return np.array(palette, np.uint8).reshape(-1, 3), covered, pure


def _flat(image: UInt8[np.ndarray, "height width 3"]) -> Bool[np.ndarray, "height-1 width-1"]:
    """Return which pixels are like those to the right, below and in between."""
    corners = (image[:-1, :-1], image[:-1, 1:], image[1:, :-1], image[1:, 1:])
    return (np.maximum.reduce(corners) - np.minimum.reduce(corners) <= FLAT).all(axis=-1)


def _pack(image: UInt8[np.ndarray, "height width 3"]) -> UInt32[np.ndarray, "height width"]:
    red, green, blue = np.moveaxis(image.astype(np.uint32), -1, 0)
    return red << 16 | green << 8 | blue


def _unpack(packed: UInt32[np.ndarray, " colors"]) -> Colors:
    return np.stack([packed >> 16, packed >> 8 & 255, packed & 255], axis=-1).astype(np.int64)
