"""Loads images, and crops and flips them on the device."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray, Shaped
from PIL import Image, ImageOps

from jaxgan.errors import ImageError
from jaxgan.images.files import RawImage, apply_pillow, read_as
from jaxgan.images.kinds import ImageKind
from jaxgan.settings.resume import FREE, REPORTED
from jaxgan.settings.validation import require
from jaxgan.types import Batch, Example, RawBatch

# The default of TFDS, which is slow to import.
DATA_DIR = os.environ.get("TFDS_DATA_DIR", str(Path("~/tensorflow_datasets").expanduser()))


@dataclass(frozen=True, kw_only=True)
class Loading:
    """Resizes training images, then crops and flips them at random, as in both papers.

    Held-out images are resized with `crop_size` in place of `load_size`, as in the reference.
    """

    resize: Literal["square", "center", "shorter_side", "none"] = "square"
    """How to resize images: square makes them square, as in the papers; center first crops the
    middle square; shorter_side keeps the proportions; none keeps the size, unless it is below
    load_size. The last two train on random windows and translate whole held-out images."""
    load_size: int = field(default=286, metadata=REPORTED)
    """Height and width, or shorter side, that training images are resized to, in pixels."""
    crop_size: int = 256
    """Height and width of the random crops for training, in pixels."""
    flip: bool = field(default=True, metadata=REPORTED)
    """Whether to flip training images horizontally with a probability of one half."""
    cache_gib: float = field(default=4.0, metadata=FREE)
    """Memory for the cache of decoded training images, in GiB, in each worker if there are any; 0
    disables the cache."""
    workers: int = field(default=0, metadata=FREE)
    """Number of processes that decode images; 0 uses threads. It does not change the batches."""
    data_dir: str = field(default=DATA_DIR, metadata=FREE)
    """Folder of prepared data sets, which can be deleted after training."""

    def __post_init__(self):
        require(self.crop_size >= 1, "crop_size must be at least 1")
        require(
            self.load_size >= self.crop_size,
            f"load_size ({self.load_size}) must not be smaller than crop_size ({self.crop_size})",
        )
        require(self.cache_gib >= 0, "cache_gib must not be negative")
        require(self.workers >= 0, "workers must not be negative")

    @property
    def folder(self) -> Path:
        """The folder of prepared data sets."""
        return Path(self.data_dir).expanduser()

    def spec(self, batch_size: int, kind: ImageKind) -> jax.ShapeDtypeStruct:
        """Return the shape and dtype of a batch of loaded images."""
        shape = (batch_size, self.load_size, self.load_size, kind.channels)
        return jax.ShapeDtypeStruct(shape, jnp.dtype(kind.dtype))

    def load(
        self,
        file: bytes | Path,
        kind: ImageKind,
        side: int,
    ) -> RawImage:
        """Read an image and resize it, with `side` in place of `load_size`.

        Raises:
            ImageError: If the image is damaged, or not of this kind.
        """
        return self.fit(read_as(file, kind), side)

    def fit(
        self,
        image: RawImage,
        side: int,
        resample: Image.Resampling = Image.Resampling.BICUBIC,
    ) -> Shaped[np.ndarray, "new_height new_width channels"]:
        """Resize an image, with `side` in place of `load_size`."""
        if self.resize == "center":
            return apply_pillow(image, lambda part: ImageOps.fit(part, (side, side), resample))
        width, height = side, side
        if self.resize in ("shorter_side", "none"):
            factor = side / min(image.shape[:2])
            if self.resize == "none":
                factor = max(factor, 1.0)
            height, width = (max(side, round(factor * edge)) for edge in image.shape[:2])
        return apply_pillow(image, lambda part: part.resize((width, height), resample))

    def window(self, example: Example, rng: np.random.Generator) -> Example:
        """Cut the same random square with sides of `load_size` from all images of an example."""
        height, width, _ = next(iter(example.values())).shape
        top, left = (int(rng.integers(edge - self.load_size + 1)) for edge in (height, width))
        rows, columns = slice(top, top + self.load_size), slice(left, left + self.load_size)
        return {name: image[rows, columns] for name, image in example.items()}

    def augment(self, raw: RawBatch, kinds: Mapping[str, ImageKind], key: PRNGKeyArray) -> Batch:
        """Crop and flip loaded images at random, and map them to [-1, 1].

        All images of one example get the same crop and flip.
        """
        batch_size = len(next(iter(raw.values())))
        offset_key, flip_key = jax.random.split(key)
        slack = self.load_size - self.crop_size
        offsets = jax.random.randint(offset_key, (batch_size, 2), 0, slack + 1)
        mirrored = jax.random.bernoulli(flip_key, 0.5 if self.flip else 0.0, (batch_size,))

        def transform(image, offset, mirror):
            size = (self.crop_size, self.crop_size, image.shape[-1])
            image = jax.lax.dynamic_slice(image, (*offset, 0), size)
            return jnp.where(mirror, image[:, ::-1], image)

        return {
            name: kinds[name].normalize(jax.vmap(transform)(images, offsets, mirrored))
            for name, images in raw.items()
        }


def encoded(record: Any, name: str) -> bytes | Path:
    """Return the path or the content of the image file with this name in a record.

    Raises:
        ImageError: If the record has no such image, as may happen with a custom data source.
    """
    if not isinstance(record, Mapping) or name not in record:
        raise ImageError(
            f"it is of type {type(record).__name__}, not a mapping that holds {name!r}"
        )
    image = record[name]
    if not isinstance(image, (bytes, Path)):
        raise ImageError(
            f"{name!r} is of type {type(image).__name__}, not the bytes of an image file"
        )
    return image


def normalize(raw: RawBatch, kinds: Mapping[str, ImageKind]) -> Batch:
    """Map all images to [-1, 1]."""
    return {name: kinds[name].normalize(images) for name, images in raw.items()}
