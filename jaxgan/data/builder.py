"""Image data sets on disk: written once as ArrayRecord by a TFDS builder, read at random."""

import contextlib
import io
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds
from jaxtyping import UInt8
from tqdm import tqdm

from jaxgan.files import lock
from jaxgan.image_files import encode_image
from jaxgan.types import Splits

SHARD_SIZE = 1000  # examples a file; TFDS holds one file's in memory
Examples = Iterator[tuple[str, Mapping[str, bytes]]]


@dataclass(frozen=True)
class Split:
    """Examples to write: an identifier, and encoded bytes by image name, of each."""

    count: int
    examples: Callable[[], Examples]


class ImageBuilder(tfds.core.ShardBasedBuilder):
    """Writes examples that each hold the same named images.

    They are written in the order they come in. The builders that shuffle need TensorFlow for more
    than a gigabyte, and shuffling is done when reading.
    """

    VERSION = tfds.core.Version("1.0.0")

    def __init__(
        self,
        *,
        name: str,
        data_dir: Path,
        image_names: Sequence[str],
        splits: Mapping[str, Split],
        png: bool = True,
        left_out: list[str] | None = None,
    ):
        """Describe a data set.

        Args:
            name: Name of the data set's folder in `data_dir`.
            data_dir: Folder of all TFDS data sets.
            image_names: Names of the images of one example.
            splits: What to write. The count is for the progress bar; fewer examples may come.
            png: Whether all images are PNG files in RGB; else they are files of any kind.
            left_out: Where `splits` notes what it could not use; kept with the data set.
        """
        self.name = name  # pyright: ignore[reportAttributeAccessIssue]
        self._image_names = image_names
        self._splits = splits
        self._png = png
        self._left_out = [] if left_out is None else left_out
        super().__init__(data_dir=data_dir, file_format="array_record")

    def _info(self) -> tfds.core.DatasetInfo:
        if self._png:
            image = tfds.features.Image(shape=(None, None, 3), encoding_format="png")
        else:
            image = tfds.features.Tensor(shape=(), dtype=np.object_)
        features = {"id": tfds.features.Text()} | dict.fromkeys(self._image_names, image)
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict(features),
            metadata=tfds.core.MetadataDict(left_out=self._left_out),
        )

    def _shard_iterators_per_split(self, dl_manager):
        return {name: self._shards(name, split) for name, split in self._splits.items()}

    def _shards(self, name: str, split: Split) -> list[Callable[[], Iterator]]:
        def examples():
            progress = tqdm(split.examples(), f"preparing {name}", split.count, unit=" examples")
            for index, (identifier, images) in enumerate(progress):
                yield index, {"id": identifier, **images}

        remaining = examples()
        shards = -(-split.count // SHARD_SIZE)
        return [lambda: itertools.islice(remaining, SHARD_SIZE)] * shards


def build_from_arrays(
    splits: Mapping[str, tuple[UInt8[np.ndarray, "count _ _ 3"], UInt8[np.ndarray, " count"]]],
    data_dir: Path,
    name: str,
) -> None:
    """Write a data set of single images and their classes, which become folders in their ids."""

    def examples(split: str) -> Examples:
        for index, (pixels, label) in enumerate(zip(*splits[split], strict=True)):
            yield f"{label}/{index:06}", {"image": encode_image(pixels)}

    ImageBuilder(
        name=name,
        data_dir=data_dir,
        image_names=("image",),
        splits={
            split: Split(len(labels), partial(examples, split))
            for split, (_, labels) in splits.items()
        },
    ).download_and_prepare()


def open_or_prepare(build: Callable[[], None], data_dir: Path, name: str) -> Splits:
    """Open a data set that `ImageBuilder` wrote, after having it written if it is not there.

    Args:
        build: Writes the data set.
        data_dir: Folder of all TFDS data sets.
        name: Name of the data set's folder in it.
    """
    directory = data_dir / name / str(ImageBuilder.VERSION)
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
    left_out = list((builder.info.metadata or {}).get("left_out", []))
    if left_out:
        print(f"{len(left_out)} files left out: " + "; ".join(left_out))
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
