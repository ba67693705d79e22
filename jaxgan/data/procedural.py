"""Drawn facades as a data set: nothing to download."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PIL import Image

from jaxgan.data.builder import Examples, ImageBuilder, Split, open_or_prepare
from jaxgan.data.facades import facade
from jaxgan.images import encode_png
from jaxgan.types import Splits
from jaxgan.validation import check


@dataclass(frozen=True, kw_only=True)
class ProceduralFacades:
    """Facades from a drawing program: A is the label map, B the picture."""

    size: int = 256
    """Height and width of the drawings, in pixels."""
    seed: int = 0
    """Seed of the series of drawings."""
    train_count: int = 400
    """Drawings to train on; by default as many as the CMP facades have."""
    test_count: int = 106
    """Drawings held out."""

    def __post_init__(self):
        check(self.size >= 32, "size must be at least 32: smaller facades have no room for windows")
        check(self.seed >= 0, "seed must not be negative")
        check(self.train_count >= 1, "train_count must be at least 1")
        check(self.test_count >= 1, "test_count must be at least 1")

    def prepare(self, data_dir: Path) -> Splits:
        """See `PairSource.prepare`."""
        name = f"procedural_facades_{self.size}_{self.seed}_{self.train_count}_{self.test_count}"
        return open_or_prepare(lambda: self._build(data_dir, name), data_dir, name)

    def _build(self, data_dir: Path, name: str) -> None:
        indices = {
            "train": range(self.train_count),
            "test": range(self.train_count, self.train_count + self.test_count),
        }

        def draw(split: str) -> Examples:
            for index in indices[split]:
                labels, picture = facade(self.seed, index, self.size)
                yield (
                    str(index),
                    {
                        "a": encode_png(Image.fromarray(labels)),
                        "b": encode_png(Image.fromarray(picture)),
                    },
                )

        ImageBuilder(
            name=name,
            data_dir=data_dir,
            image_names=("a", "b"),
            splits={split: Split(len(indices[split]), partial(draw, split)) for split in indices},
        ).download_and_prepare()
