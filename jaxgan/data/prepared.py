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
from jaxgan.image_files import encode_image
from jaxgan.types import Splits

VERSION = "1.0.0"
Examples = Iterator[tuple[str, Mapping[str, bytes]]]


@dataclass(frozen=True)
class Split:
    """Examples to write: an identifier, and encoded bytes by image name, of each."""

    count: int
    examples: Callable[[], Examples]


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
            yield f"{label}/{index:06}", {"image": encode_image(pixels)}

    write(
        name=name,
        data_dir=data_dir,
        image_names=("image",),
        splits={
            split: Split(len(labels), partial(examples, split))
            for split, (_, labels) in splits.items()
        },
    )


def open_or_prepare(build: Callable[[], None], data_dir: Path, name: str) -> Splits:
    """Open a data set that `write` wrote, after writing it if it is not there.

    Args:
        build: Writes the data set.
        data_dir: Folder of all TFDS data sets.
        name: Name of the data set's folder in it.
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
    metadata = builder.info.metadata or {}
    left_out = list(metadata.get("left_out", ()))
    if left_out:
        print(f"{len(left_out)} files left out: " + "; ".join(left_out))
    for warning in metadata.get("warnings", ()):
        print(f"WARNING: {warning}")
    features = builder.info.features
    assert isinstance(features, tfds.features.FeaturesDict)
    image_names = [name for name in features.keys() if name != "id"]  # noqa: SIM118
    skip = dict.fromkeys(image_names, tfds.decode.SkipDecoding())
    splits = {
        split: builder.as_data_source(split, decoders=skip)  # pyright: ignore[reportCallIssue]
        for split, info in builder.info.splits.items()
        if info.num_examples
    }
    counts = ", ".join(f"{len(source)} {split}" for split, source in splits.items())
    print(f"data: {counts}, in {directory}")
    return splits
