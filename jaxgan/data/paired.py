"""Pairs of images for pix2pix: resized on the host, cropped and flipped alike on the device."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
import tyro
from jaxtyping import PRNGKeyArray
from PIL import Image
from tensorflow_datasets.core.constants import DATA_DIR

from jaxgan.data.loader import Decoded, batches
from jaxgan.data.transforms import crop_and_flip, normalize
from jaxgan.images import read_rgb
from jaxgan.types import Batch, RawBatch, Spec, Splits
from jaxgan.validation import check


@runtime_checkable
class PairSource(Protocol):
    """Where pairs of images `a` and `b` come from."""

    def prepare(self, data_dir: Path) -> Splits:
        """Return the prepared data set, after writing it to `data_dir` if it is not there.

        Raises:
            jaxgan.errors.UserError: If there are no images to be had; it says what to do.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Paired:
    """Batches of `input` and `target` images from pairs, with the reference's augmentation.

    In training both images are resized to `load_size`, cropped at the same random place to
    `crop_size` and mirrored together (Isola et al. 2017, appendix 6.2). Held-out images are resized
    to `crop_size`. The reference resizes label maps by bicubic interpolation, which invents
    colors between two labels; here they are resized by nearest neighbour.
    """

    source: Annotated[PairSource, tyro.conf.arg(name="")]
    direction: Literal["ab", "ba"] = "ab"
    """Whether to translate A to B or B to A."""
    load_size: int = 286
    """Height and width to which training images are resized, in pixels."""
    crop_size: int = 256
    """Height and width of the random crop that is trained on, in pixels."""
    flip: bool = True
    """Whether to mirror every other training pair, at random."""
    label_maps: Literal["none", "a", "b"] = "none"
    """Which of A and B are label maps, to be resized without mixing the labels."""
    cache_gib: float = 4.0
    """Decoded training images stay in memory if they fit into so many GiB; 0 for never."""
    workers: int = 0
    """Processes that decode images; 0 decodes in threads. The batches are the same."""
    data_dir: str = DATA_DIR
    """Folder of prepared data sets."""

    def __post_init__(self):
        check(self.crop_size >= 1, "crop_size must be at least 1")
        check(
            self.load_size >= self.crop_size,
            f"load_size ({self.load_size}) must not be smaller than crop_size ({self.crop_size})",
        )
        check(self.cache_gib >= 0, "cache_gib must not be negative")
        check(self.workers >= 0, "workers must not be negative")

    def spec(self, batch_size: int) -> Spec:
        """See `Dataset.spec`."""
        shape = (batch_size, self.load_size, self.load_size, 3)
        return dict.fromkeys(("input", "target"), jax.ShapeDtypeStruct(shape, jnp.uint8))

    def prepare(self) -> Splits:
        """See `Dataset.prepare`."""
        return self.source.prepare(Path(self.data_dir).expanduser())

    def stream(
        self, splits: Splits, *, seed: int, batch_size: int, start: int
    ) -> Iterator[RawBatch]:
        """See `Dataset.stream`."""
        train = splits["train"]
        size_gib = len(train) * 2 * 3 * self.load_size**2 / 2**30
        decoded = Decoded(
            train, partial(self._decode, size=self.load_size), keep=size_gib <= self.cache_gib
        )
        return batches(
            [decoded], seed=seed, batch_size=batch_size, start=start, workers=self.workers
        )

    def held_out(self, splits: Splits, count: int) -> RawBatch:
        """See `Dataset.held_out`. Without a test or val split, these are training images."""
        split = next(name for name in ("test", "val", "train") if name in splits)
        records = [splits[split][index] for index in range(min(count, len(splits[split])))]
        pairs = [self._decode(record, size=self.crop_size) for record in records]
        return {key: np.stack([pair[key] for pair in pairs]) for key in pairs[0]}

    def augment(self, raw: RawBatch, key: PRNGKeyArray) -> Batch:
        """See `Dataset.augment`."""
        return crop_and_flip(raw, key, crop_size=self.crop_size, flip=self.flip)

    def preprocess(self, raw: RawBatch) -> Batch:
        """See `Dataset.preprocess`."""
        return normalize(raw)

    def _decode(self, record: Mapping[str, Any], size: int) -> dict[str, np.ndarray]:
        images = {}
        for side, name in zip(self.direction, ("input", "target"), strict=True):
            nearest = side == self.label_maps
            resample = Image.Resampling.NEAREST if nearest else Image.Resampling.BICUBIC
            images[name] = np.asarray(read_rgb(record[side]).resize((size, size), resample))
        return images
