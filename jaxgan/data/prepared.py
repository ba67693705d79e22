"""Data sets on disk: written once by a TFDS builder, read at random.

TFDS is imported when a data set is opened, not before: that takes longer than a command line.
"""

import contextlib
import importlib.util
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from jaxgan.files import lock
from jaxgan.image_files import Pixelated
from jaxgan.types import Splits

VERSION = "1.0.0"
SHOWN = 5  # of a list that may be long
Examples = Iterator[tuple[str, Mapping[str, Pixelated]]]


@dataclass(frozen=True)
class Split:
    """Examples to write: an identifier, and images by name, of each."""

    count: int
    examples: Callable[[], Examples]


@dataclass(frozen=True)
class Records(Sequence[Any]):
    """Records of a split, and a fingerprint that changes with their content."""

    source: Sequence[Any]
    fingerprint: str

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: Any) -> Any:
        return self.source[index]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.source)


def file_format() -> str:
    """Return the format to write: ArrayRecord, or Parquet where array_record has no wheel.

    Both are read at random; Parquet is kept in memory as a whole.
    """
    return "array_record" if importlib.util.find_spec("array_record") else "parquet"


def write(
    *,
    name: str,
    data_dir: Path,
    image_names: Sequence[str],
    splits: Mapping[str, Split],
    png: bool = True,
    metadata: Mapping[str, Any] | None = None,
) -> None:
    """Write a data set; see `jaxgan.data.builder.ImageBuilder` for the arguments."""
    from jaxgan.data.builder import ImageBuilder

    ImageBuilder(
        name=name,
        data_dir=data_dir,
        image_names=image_names,
        splits=splits,
        png=png,
        metadata=metadata,
    ).download_and_prepare()


def write_arrays(
    splits: Mapping[str, tuple[UInt8[np.ndarray, "count _ _ 3"], UInt8[np.ndarray, " count"]]],
    data_dir: Path,
    name: str,
) -> None:
    """Write a data set of single images and their classes, which become folders in their ids."""

    def examples(split: str) -> Examples:
        for index, (pixels, label) in enumerate(zip(*splits[split], strict=True)):
            yield f"{label}/{index:06}", {"image": pixels}

    write(
        name=name,
        data_dir=data_dir,
        image_names=("image",),
        splits={
            split: Split(len(labels), partial(examples, split))
            for split, (_, labels) in splits.items()
        },
    )


def shorten(texts: Sequence[str], separator: str = "; ") -> str:
    """Return the first few of a list of texts, and how many more there are."""
    more = [f"{len(texts) - SHOWN} more"] if len(texts) > SHOWN else []
    return separator.join([*texts[:SHOWN], *more])


def open_or_prepare(
    build: Callable[[], None], data_dir: Path, name: str, unused: Sequence[str] | None = None
) -> Splits:
    """Open a data set that `write` wrote, after writing it if it is not there, and describe it.

    Args:
        build: Writes the data set.
        data_dir: Folder of all TFDS data sets.
        name: Name of the data set's folder in it.
        unused: Files and folders of the source that belong to no split; None takes those that were
            there when the data set was written.
    """
    import tensorflow_datasets as tfds

    directory = data_dir / name / VERSION
    if not (directory / "dataset_info.json").exists():
        tfds.disable_progress_bar()  # ours counts examples, and says of which split
        data_dir.mkdir(parents=True, exist_ok=True)
        busy = partial(print, f"waiting for another process that prepares {data_dir / name}")
        with lock(data_dir / f".{name}.lock", busy):
            if not (directory / "dataset_info.json").exists():
                # TFDS announces sizes it does not know.
                with contextlib.redirect_stdout(io.StringIO()):
                    build()
    builder = tfds.builder_from_directory(directory)
    features = builder.info.features
    assert isinstance(features, tfds.features.FeaturesDict)
    image_names = [name for name in features.keys() if name != "id"]  # noqa: SIM118
    skip = dict.fromkeys(image_names, tfds.decode.SkipDecoding())
    splits = {
        split: builder.as_data_source(split, decoders=skip)  # pyright: ignore[reportCallIssue]
        for split, info in builder.info.splits.items()
        if info.num_examples
    }
    metadata = builder.info.metadata or {}  # version 0.1 wrote `left_out` alone
    _describe(splits, directory, metadata, metadata.get("unused", ()) if unused is None else unused)
    fingerprints = metadata.get("fingerprints", {})
    return {
        split: Records(source, fingerprints[split]) if split in fingerprints else source
        for split, source in splits.items()
    }


def _describe(
    splits: Splits, directory: Path, metadata: Mapping[str, Any], unused: Sequence[str]
) -> None:
    """Print how each split was read, and what was left out."""
    read_as = metadata.get("read_as", {})
    counts = ", ".join(
        f"{len(source)} {split}" + (f" ({read_as[split]})" if split in read_as else "")
        for split, source in splits.items()
    )
    print(f"data: {counts}, in {directory}")
    if left_out := list(metadata.get("left_out", ())):
        more = f" (all in {directory / 'metadata.json'})" if len(left_out) > SHOWN else ""
        print(f"data: {len(left_out)} files left out: {shorten(left_out)}{more}")
    for warning in metadata.get("warnings", ()):
        print(f"warning: {warning}")
    if unused:
        print(f"data: in no split, and not used: {shorten(unused)}")
