"""Single images for DCGAN."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Protocol, runtime_checkable

import tyro
from jaxtyping import PRNGKeyArray

from jaxgan.data.loader import DecodedRecords, batches, choose_split, stack, subset
from jaxgan.data.loading import Loading, encoded, normalize
from jaxgan.data.matching import check_source, prepare_source
from jaxgan.images.kinds import ImageKind
from jaxgan.types import Batch, Example, HeldOut, RawBatch, Spec, Splits


@runtime_checkable
class ImageSource(Protocol):
    """A source of single images."""

    def kinds(self) -> Mapping[str, ImageKind]:
        """Return the kind of `image`, by this name."""
        ...

    def prepare(self, data_dir: Path) -> Splits:
        """Return the split train, and val and test if they exist. Records hold an `image`.

        If the data set is missing, it is written to `data_dir` first. The class of an image, if it
        has one, is the `label` of its record or the folder in its `id`.

        Raises:
            jaxgan.errors.UserError: If the images are not available; the message says what to do.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Unconditional:
    """Batches of single images, named `image`."""

    source: Annotated[ImageSource, tyro.conf.arg(name="")]
    """Where the images come from."""
    loading: Annotated[Loading, tyro.conf.arg(name="")] = field(default_factory=Loading)
    """How the images are resized, cropped, flipped and cached."""

    def __post_init__(self):
        check_source("Unconditional", self.source)

    def spec(self, batch_size: int) -> Spec:
        return {"image": self.loading.spec(batch_size, self.kinds()["image"])}

    def kinds(self) -> Mapping[str, ImageKind]:
        return self.source.kinds()

    def prepare(self) -> Splits:
        return prepare_source(self.source, self.loading.folder, ["train"])

    def epoch_size(self, splits: Splits) -> int:
        return len(splits["train"])

    def stream(
        self, splits: Splits, *, seed: int, batch_size: int, start: int, rows: Sequence[int]
    ) -> Iterator[RawBatch]:
        decode = partial(self._decode, side=self.loading.load_size)
        return batches(
            [DecodedRecords(splits["train"], decode, cache_gib=self.loading.cache_gib)],
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
        split = choose_split(splits, split)
        decoded = DecodedRecords(splits[split], partial(self._decode, side=self.loading.crop_size))
        chosen = subset(len(decoded), count)
        return HeldOut(stack(decoded[index] for index in chosen), len(decoded), split)

    def augment(self, raw: RawBatch, key: PRNGKeyArray) -> Batch:
        return self.loading.augment(raw, self.kinds(), key)

    def preprocess(self, raw: RawBatch) -> Batch:
        return normalize(raw, self.kinds())

    def _decode(self, record: Any, side: int) -> Example:
        return {"image": self.loading.load(encoded(record, "image"), self.kinds()["image"], side)}
