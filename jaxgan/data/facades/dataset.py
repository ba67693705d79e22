"""Data sets of procedurally drawn facades, with nothing to download."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated

import tyro

from jaxgan.data.facades.plan import facade
from jaxgan.data.prepared import Examples, Split, open_or_prepare, write
from jaxgan.images.kinds import RGB_DOMAINS, RGB_IMAGE, ImageKind
from jaxgan.settings.validation import require
from jaxgan.types import Splits


@dataclass(frozen=True, kw_only=True)
class ProceduralFacades:
    """Procedurally drawn facades: A is the label map, B the picture."""

    size: int = 256
    """Height and width of the drawings, in pixels."""
    seed: int = 0
    """Seed of the series of drawings."""
    train_count: int = 400
    """Number of drawings to train on; by default the size of the CMP facades."""
    test_count: int = 106
    """Number of held-out drawings."""

    def __post_init__(self):
        require(self.size >= 32, "size must be at least 32: smaller ones have no room for windows")
        require(self.seed >= 0, "seed must not be negative")
        require(self.train_count >= 1, "train_count must be at least 1")
        require(self.test_count >= 1, "test_count must be at least 1")

    def kinds(self) -> Mapping[str, ImageKind]:
        return RGB_DOMAINS

    def prepare(self, data_dir: Path) -> Splits:
        pair = {"a": 0, "b": 1}
        splits = {"train": (pair, self.train_count), "test": (pair, self.test_count)}
        return _prepare(self, "paired_facades", data_dir, splits)


@dataclass(frozen=True, kw_only=True)
class UnpairedFacades:
    """The same drawings as two domains: A holds label maps, B pictures of other facades."""

    facades: Annotated[ProceduralFacades, tyro.conf.arg(name="")] = field(
        default_factory=ProceduralFacades
    )

    def kinds(self) -> Mapping[str, ImageKind]:
        return RGB_DOMAINS

    def prepare(self, data_dir: Path) -> Splits:
        counts = {"train": self.facades.train_count, "test": self.facades.test_count}
        splits = {
            f"{split}{domain}": ({"image": place}, counts[split])
            for split in counts
            for place, domain in enumerate("AB")
        }
        return _prepare(self.facades, "unpaired_facades", data_dir, splits)


@dataclass(frozen=True, kw_only=True)
class FacadePictures:
    """The pictures of the same drawings, without the label maps."""

    facades: Annotated[ProceduralFacades, tyro.conf.arg(name="")] = field(
        default_factory=ProceduralFacades
    )

    def kinds(self) -> Mapping[str, ImageKind]:
        return RGB_IMAGE

    def prepare(self, data_dir: Path) -> Splits:
        counts = {"train": self.facades.train_count, "test": self.facades.test_count}
        splits = {split: ({"image": 1}, count) for split, count in counts.items()}
        return _prepare(self.facades, "facade_pictures", data_dir, splits)


def _prepare(
    source: ProceduralFacades,
    prefix: str,
    data_dir: Path,
    splits: Mapping[str, tuple[Mapping[str, int], int]],
) -> Splits:
    """Prepare splits of consecutive facades.

    Args:
        source: Size, seed and counts.
        prefix: Prefix of the data set's name.
        data_dir: Folder of all prepared data sets.
        splits: By split, the index of each image in the result of `facade`, and the number of
            examples.
    """
    fields = (source.size, source.seed, source.train_count, source.test_count)
    name = "_".join(map(str, (prefix, *fields)))

    def draw(first: int, images: Mapping[str, int], count: int) -> Examples:
        for index in range(first, first + count):
            drawn = facade(source.seed, index, source.size)
            yield str(index), {image: drawn[place] for image, place in images.items()}

    def build():
        first, written = 0, {}
        for split, (images, count) in splits.items():
            written[split] = Split(count, partial(draw, first, images, count))
            first += count
        image_names = next(iter(splits.values()))[0]
        write(name=name, data_dir=data_dir, image_names=tuple(image_names), splits=written)

    return open_or_prepare(build, data_dir, name, source=f"drawings of {source}")
