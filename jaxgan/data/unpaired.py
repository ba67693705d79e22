"""Two domains of unrelated images for CycleGAN: each shuffled, cropped and flipped by itself."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Protocol, runtime_checkable

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
class DomainSource(Protocol):
    """Where the images of domains A and B come from."""

    def prepare(self, data_dir: Path) -> Splits:
        """Return splits trainA and trainB, and testA and testB where there are any.

        Their records hold an `image`. They are written to `data_dir` if they are not there.

        Raises:
            jaxgan.errors.UserError: If there are no images to be had; it says what to do.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Unpaired:
    """Batches of unrelated images `a` and `b`, with the reference's augmentation.

    In training images are resized to `load_size`, and cropped and mirrored at random, A and B
    independently. Held-out images are resized to `crop_size`. The domains may differ in size; an
    epoch is one pass through the larger.
    """

    source: Annotated[DomainSource, tyro.conf.arg(name="")]
    load_size: int = 286
    """Height and width to which training images are resized, in pixels."""
    crop_size: int = 256
    """Height and width of the random crop that is trained on, in pixels."""
    flip: bool = True
    """Whether to mirror every other training image, at random."""
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
        return dict.fromkeys(("a", "b"), jax.ShapeDtypeStruct(shape, jnp.uint8))

    def prepare(self) -> Splits:
        """See `Dataset.prepare`."""
        return self.source.prepare(Path(self.data_dir).expanduser())

    def stream(
        self, splits: Splits, *, seed: int, batch_size: int, start: int
    ) -> Iterator[RawBatch]:
        """See `Dataset.stream`."""
        domains = {"a": splits["trainA"], "b": splits["trainB"]}
        size_gib = sum(map(len, domains.values())) * 3 * self.load_size**2 / 2**30
        sources = [
            Decoded(
                records,
                partial(_decode, name=name, size=self.load_size),
                keep=size_gib <= self.cache_gib,
            )
            for name, records in domains.items()
        ]
        return batches(sources, seed=seed, batch_size=batch_size, start=start, workers=self.workers)

    def held_out(self, splits: Splits, count: int) -> RawBatch:
        """See `Dataset.held_out`. Without test splits, these are training images."""
        split = "test" if {"testA", "testB"} <= splits.keys() else "train"
        domains = {"a": splits[f"{split}A"], "b": splits[f"{split}B"]}
        count = min(count, *map(len, domains.values()))
        return {
            name: np.stack(
                [_decode(records[i], name=name, size=self.crop_size)[name] for i in range(count)]
            )
            for name, records in domains.items()
        }

    def augment(self, raw: RawBatch, key: PRNGKeyArray) -> Batch:
        """See `Dataset.augment`."""
        batch = {}
        for name, domain_key in zip(("a", "b"), jax.random.split(key), strict=True):
            batch |= crop_and_flip(
                {name: raw[name]}, domain_key, crop_size=self.crop_size, flip=self.flip
            )
        return batch

    def preprocess(self, raw: RawBatch) -> Batch:
        """See `Dataset.preprocess`."""
        return normalize(raw)


def _decode(record: Mapping[str, Any], *, name: str, size: int) -> dict[str, np.ndarray]:
    image = read_rgb(record["image"]).resize((size, size), Image.Resampling.BICUBIC)
    return {name: np.asarray(image)}
