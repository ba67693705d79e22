"""Finds the colors of the classes in label maps, and converts label maps to classes.

Label maps are often stored as JPEG, which blurs the edges between colors and adds slight noise
elsewhere. Colors are therefore read only from flat regions, unless the maps have few colors.
"""

from collections.abc import Iterable

import numpy as np
from jaxtyping import Bool, Integer, UInt8, UInt32

from jaxgan.errors import UserError

MAX_CLASSES = 40  # Cityscapes has 30 and several kinds of void
LOOKED_AT = 100  # number of label maps that are searched for colors
RAREST = 1e-3  # minimum share of pixels of a class
NEAR = 16.0  # Euclidean distance up to which colors are merged; Cityscapes has classes 20 apart
FLAT = 8  # maximum difference in any channel within a flat square of 2x2 pixels
COVERED = 0.25  # minimum share of pixels that are flat and near the color of a class
PURE = 0.5  # minimum share of these that are within NEAR / 3; gray photos have 0.35

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
    """Return the index of the nearest color of the palette for every pixel."""
    classes = np.empty(images.shape[:-1], np.uint8)
    for image, numbers in zip(images, classes, strict=True):
        packed, places = np.unique(_pack(image), return_inverse=True)
        apart = np.square(_unpack(packed)[:, None] - palette.astype(np.int64)).sum(axis=-1)
        numbers[:] = apart.argmin(axis=-1)[places].reshape(numbers.shape)
    return classes


def _count(images: Iterable[UInt32[np.ndarray, "..."]]) -> tuple[Colors, Counts]:
    """Return all colors, the most frequent first, and their counts."""
    found = [np.unique(image, return_counts=True) for image in images]
    packed, places = np.unique(np.concatenate([colors for colors, _ in found]), return_inverse=True)
    counts = np.zeros(len(packed), np.int64)
    np.add.at(counts, places, np.concatenate([counts for _, counts in found]))
    order = np.argsort(-counts, kind="stable")
    return _unpack(packed[order]), counts[order]


def _merge(colors: Colors, counts: Counts, rarest: int) -> tuple[Palette, int, int]:
    """Merge colors that are near a more frequent one.

    Args:
        colors: Colors, the most frequent first.
        counts: Number of pixels of each color.
        rarest: Minimum number of pixels of a class.

    Returns:
        The merged colors, at most `MAX_CLASSES + 1`; the number of pixels that they cover; and the
        number of these pixels that are within `NEAR / 3`.
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
    """Return which pixels are similar to those on the right, below and diagonally below."""
    corners = (image[:-1, :-1], image[:-1, 1:], image[1:, :-1], image[1:, 1:])
    return (np.maximum.reduce(corners) - np.minimum.reduce(corners) <= FLAT).all(axis=-1)


def _pack(image: UInt8[np.ndarray, "height width 3"]) -> UInt32[np.ndarray, "height width"]:
    red, green, blue = np.moveaxis(image.astype(np.uint32), -1, 0)
    return red << 16 | green << 8 | blue


def _unpack(packed: UInt32[np.ndarray, " colors"]) -> Colors:
    return np.stack([packed >> 16, packed >> 8 & 255, packed & 255], axis=-1).astype(np.int64)
