"""Image data sets on disk: written once as ArrayRecord by a TFDS builder, read at random."""

import contextlib
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import tensorflow_datasets as tfds
from tqdm import tqdm

from jaxgan.types import Splits

Examples = Iterator[tuple[str, Mapping[str, bytes]]]


@dataclass(frozen=True)
class Split:
    """Examples to write: an identifier, and PNG bytes by image name, of each."""

    count: int
    examples: Callable[[], Examples]


class ImageBuilder(tfds.core.GeneratorBasedBuilder):
    """Writes examples that each hold the same named images, as PNG."""

    VERSION = tfds.core.Version("1.0.0")

    def __init__(
        self,
        *,
        name: str,
        data_dir: Path,
        image_names: Sequence[str],
        splits: Mapping[str, Split],
        left_out: list[str] | None = None,
    ):
        """Describe a data set.

        Args:
            name: Name of the data set's folder in `data_dir`.
            data_dir: Folder of all TFDS data sets.
            image_names: Names of the images of one example.
            splits: What to write. The count is for the progress bar; fewer examples may come.
            left_out: Where `splits` notes what it could not use; kept with the data set.
        """
        self.name = name  # pyright: ignore[reportAttributeAccessIssue]
        self._image_names = image_names
        self._splits = splits
        self._left_out = [] if left_out is None else left_out
        super().__init__(data_dir=data_dir, file_format="array_record")

    def _info(self) -> tfds.core.DatasetInfo:
        image = tfds.features.Image(shape=(None, None, 3), encoding_format="png")
        features = {"id": tfds.features.Text()} | dict.fromkeys(self._image_names, image)
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict(features),
            metadata=tfds.core.MetadataDict(left_out=self._left_out),
            disable_shuffling=True,  # examples are read in a shuffled order anyway
        )

    def _split_generators(self, dl_manager):
        return {split: self._generate_examples(split) for split in self._splits}

    def _generate_examples(self, split):
        examples = self._splits[split].examples()
        count = self._splits[split].count
        progress = tqdm(examples, f"preparing {split}", count, unit=" examples")
        for index, (identifier, images) in enumerate(progress):
            yield index, {"id": identifier, **images}


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
        try:
            with contextlib.redirect_stdout(io.StringIO()):  # TFDS announces sizes it does not know
                build()
        except FileExistsError:
            if not directory.exists():  # else another process was faster
                raise
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
