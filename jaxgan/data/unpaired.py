"""Two domains of unrelated images for CycleGAN, each shuffled, cropped and flipped by itself."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Protocol, runtime_checkable

import jax
import tyro
from jaxtyping import PRNGKeyArray

from jaxgan.data.crops import Crops, encoded, normalize
from jaxgan.data.loader import DecodedRecords, batches, choose_split, merge, stack, subset
from jaxgan.data.matching import check_source, prepare_source
from jaxgan.images.kinds import ImageKind
from jaxgan.types import Batch, Example, HeldOut, Published, RawBatch, Spec, Splits


@runtime_checkable
class DomainSource(Protocol):
    """Where the images of domains `a` and `b` come from."""

    def kinds(self) -> Mapping[str, ImageKind]:
        """What images they are, by domain."""
        ...

    def prepare(self, data_dir: Path) -> Splits:
        """Return splits trainA and trainB, and the same of val and test where there are any.

        Their records hold an `image`. They are written to `data_dir` if they are not there.

        Raises:
            jaxgan.errors.UserError: If there are no images to be had; it says what to do.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Unpaired:
    """Batches of unrelated images `a` and `b`.

    The domains may differ in size: each is repeated by itself, and an epoch is one pass through the
    larger.
    """

    source: Annotated[DomainSource, tyro.conf.arg(name="")]
    crops: Annotated[Crops, tyro.conf.arg(name="")] = field(default_factory=Crops)

    def __post_init__(self):
        check_source("Unpaired", self.source)

    def spec(self, batch_size: int) -> Spec:
        """See `Dataset.spec`."""
        return {name: self.crops.spec(batch_size, kind) for name, kind in self.kinds().items()}

    def kinds(self) -> Mapping[str, ImageKind]:
        """See `Dataset.pixels`."""
        return self.source.kinds()

    def prepare(self) -> Splits:
        """See `Dataset.prepare`."""
        return prepare_source(self.source, self.crops.folder, ["trainA", "trainB"])

    def epoch_size(self, splits: Splits) -> int:
        """See `Dataset.epoch_size`."""
        return max(len(splits["trainA"]), len(splits["trainB"]))

    @property
    def published_epoch_size(self) -> int | None:
        """See `Published.published_epoch_size`."""
        return self.source.published_epoch_size if isinstance(self.source, Published) else None

    def stream(
        self, splits: Splits, *, seed: int, batch_size: int, start: int, rows: Sequence[int]
    ) -> Iterator[RawBatch]:
        """See `Dataset.stream`."""
        domains = {"a": splits["trainA"], "b": splits["trainB"]}
        sources = [
            DecodedRecords(
                records,
                partial(self._decode, name=name, side=self.crops.load_size),
                cache_gib=self.crops.cache_gib / len(domains),
            )
            for name, records in domains.items()
        ]
        return batches(
            sources,
            self.crops.window,
            seed=seed,
            batch_size=batch_size,
            start=start,
            rows=rows,
            workers=self.crops.workers,
        )

    def held_out(
        self, splits: Splits, count: int, split: str | None = None, domain: str | None = None
    ) -> HeldOut:
        """See `Dataset.held_out`."""
        split = choose_split(splits, split, domains="AB")
        domains = {
            name: DecodedRecords(
                splits[split + name.upper()],
                partial(self._decode, name=name, side=self.crops.crop_size),
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
        """See `Dataset.augment`."""
        a_key, b_key = jax.random.split(key)
        return {
            **self.crops.augment({"a": raw["a"]}, self.kinds(), a_key),
            **self.crops.augment({"b": raw["b"]}, self.kinds(), b_key),
        }

    def preprocess(self, raw: RawBatch) -> Batch:
        """See `Dataset.preprocess`."""
        return normalize(raw, self.kinds())

    def _decode(self, record: Any, name: str, side: int) -> Example:
        return {name: self.crops.load(encoded(record, "image"), self.kinds()[name], side)}
