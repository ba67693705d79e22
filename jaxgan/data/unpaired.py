"""Two domains of unpaired images for CycleGAN, shuffled, cropped and flipped independently."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Protocol, runtime_checkable

import jax
import tyro
from jaxtyping import PRNGKeyArray

from jaxgan.data.loader import DecodedRecords, batches, choose_split, merge, stack, subset
from jaxgan.data.loading import Loading, encoded, normalize
from jaxgan.data.matching import check_source, prepare_source
from jaxgan.images.kinds import ImageKind
from jaxgan.types import Batch, Example, HeldOut, Published, RawBatch, Spec, Splits


@runtime_checkable
class DomainSource(Protocol):
    """A source of the images of domains `a` and `b`."""

    def kinds(self) -> Mapping[str, ImageKind]:
        """Return the kinds of the images, by domain."""
        ...

    def prepare(self, data_dir: Path) -> Splits:
        """Return the splits trainA and trainB, and those of val and test if they exist.

        Records hold an `image`. If the data set is missing, it is written to `data_dir` first.

        Raises:
            jaxgan.errors.UserError: If the images are not available; the message says what to do.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Unpaired:
    """Batches of unpaired images `a` and `b`.

    The domains may differ in size: each is repeated independently, and an epoch is one pass through
    the larger domain.
    """

    source: Annotated[DomainSource, tyro.conf.arg(name="")]
    """Where the images come from."""
    loading: Annotated[Loading, tyro.conf.arg(name="")] = field(default_factory=Loading)
    """How the images are resized, cropped, flipped and cached."""

    def __post_init__(self):
        check_source("Unpaired", self.source)

    def spec(self, batch_size: int) -> Spec:
        return {name: self.loading.spec(batch_size, kind) for name, kind in self.kinds().items()}

    def kinds(self) -> Mapping[str, ImageKind]:
        return self.source.kinds()

    def prepare(self) -> Splits:
        return prepare_source(self.source, self.loading.folder, ["trainA", "trainB"])

    def epoch_size(self, splits: Splits) -> int:
        return max(len(splits["trainA"]), len(splits["trainB"]))

    @property
    def published_epoch_size(self) -> int | None:
        return self.source.published_epoch_size if isinstance(self.source, Published) else None

    def stream(
        self, splits: Splits, *, seed: int, batch_size: int, start: int, rows: Sequence[int]
    ) -> Iterator[RawBatch]:
        domains = {"a": splits["trainA"], "b": splits["trainB"]}
        sources = [
            DecodedRecords(
                records,
                partial(self._decode, name=name, side=self.loading.load_size),
                cache_gib=self.loading.cache_gib / len(domains),
            )
            for name, records in domains.items()
        ]
        return batches(
            sources,
            self.loading.window,
            seed=seed,
            batch_size=batch_size,
            start=start,
            rows=rows,
            workers=self.loading.workers,
        )

    def held_out(
        self, splits: Splits, count: int, split: str | None = None, domain: str | None = None
    ) -> HeldOut:
        split = choose_split(splits, split, domains="AB")
        domains = {
            name: DecodedRecords(
                splits[split + name.upper()],
                partial(self._decode, name=name, side=self.loading.crop_size),
            )
            for name in ([domain] if domain else ["a", "b"])
        }
        total = min(map(len, domains.values()))
        chosen = [
            [images[index] for index in subset(len(images), min(count, total))]
            for images in domains.values()
        ]
        return HeldOut(stack(map(merge, zip(*chosen, strict=True))), total, split)

    def augment(self, raw: RawBatch, key: PRNGKeyArray) -> Batch:
        a_key, b_key = jax.random.split(key)
        return {
            **self.loading.augment({"a": raw["a"]}, self.kinds(), a_key),
            **self.loading.augment({"b": raw["b"]}, self.kinds(), b_key),
        }

    def preprocess(self, raw: RawBatch) -> Batch:
        return normalize(raw, self.kinds())

    def _decode(self, record: Any, name: str, side: int) -> Example:
        return {name: self.loading.load(encoded(record, "image"), self.kinds()[name], side)}
