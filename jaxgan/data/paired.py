"""Pairs of images for pix2pix. Both images of a pair get the same crop and flip."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol, runtime_checkable

import tyro
from jaxtyping import PRNGKeyArray
from PIL import Image

from jaxgan.data.loader import DecodedRecords, batches, choose_split, stack, subset
from jaxgan.data.loading import Loading, encoded, normalize
from jaxgan.data.matching import check_source, prepare_source
from jaxgan.images.files import apply_pillow, read_as
from jaxgan.images.kinds import ImageKind
from jaxgan.types import Batch, Example, HeldOut, RawBatch, Spec, Splits


@runtime_checkable
class PairSource(Protocol):
    """A source of pairs of images `a` and `b`."""

    def kinds(self) -> Mapping[str, ImageKind]:
        """Return the kinds of the images, by name."""
        ...

    def prepare(self, data_dir: Path) -> Splits:
        """Return the prepared data set. If it is missing, write it to `data_dir` first.

        Raises:
            jaxgan.errors.UserError: If the images are not available; the message says what to do.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Paired:
    """Batches of `input` and `target` images from pairs.

    The reference resizes label maps by bicubic interpolation, which creates colors between two
    labels. This class uses the nearest neighbor instead for images declared as label maps.
    """

    source: Annotated[PairSource, tyro.conf.arg(name="")]
    """Where the images come from."""
    direction: Literal["ab", "ba"] = "ab"
    """Translate A to B (ab) or B to A (ba)."""
    label_maps: Literal["none", "a", "b"] = "none"
    """Which of A and B are label maps, which are resized without mixing labels."""
    loading: Annotated[Loading, tyro.conf.arg(name="")] = field(default_factory=Loading)
    """How the images are resized, cropped, flipped and cached."""

    def __post_init__(self):
        check_source("Paired", self.source)

    def spec(self, batch_size: int) -> Spec:
        return {name: self.loading.spec(batch_size, kind) for name, kind in self.kinds().items()}

    def kinds(self) -> Mapping[str, ImageKind]:
        first, second = self.direction
        return {"input": self.source.kinds()[first], "target": self.source.kinds()[second]}

    def prepare(self) -> Splits:
        return prepare_source(self.source, self.loading.folder, ["train"])

    def epoch_size(self, splits: Splits) -> int:
        return len(splits["train"])

    def stream(
        self, splits: Splits, *, seed: int, batch_size: int, start: int, rows: Sequence[int]
    ) -> Iterator[RawBatch]:
        decoded = DecodedRecords(
            splits["train"],
            partial(self._decode, side=self.loading.load_size),
            cache_gib=self.loading.cache_gib,
        )
        return batches(
            [decoded],
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
        images = {
            domain: read_as(encoded(record, domain), kind)
            for domain, kind in self.source.kinds().items()
        }
        height, width, _ = images["a"].shape
        if images["b"].shape[:2] != (height, width):
            resize = partial(Image.Image.resize, size=(width, height), resample=self._resample("b"))
            images["b"] = apply_pillow(images["b"], resize)
        return {
            name: self.loading.fit(images[domain], side, self._resample(domain))
            for name, domain in zip(self.kinds(), self.direction, strict=True)
        }

    def _resample(self, domain: str) -> Image.Resampling:
        nearest = domain == self.label_maps
        return Image.Resampling.NEAREST if nearest else Image.Resampling.BICUBIC
