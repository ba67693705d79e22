"""The TFDS builder that writes data sets of images."""

import hashlib
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from jaxgan.data.prepared import VERSION, Split, file_format
from jaxgan.images.files import encode_image
from jaxgan.progress import show_progress

SHARD_SIZE = 1000  # examples per file; TFDS holds the examples of one file in memory


class ImageBuilder(tfds.core.ShardBasedBuilder):
    """Writes a data set of examples with named images, and a fingerprint of every split.

    A fingerprint is the SHA-256 of all pixels in order. It does not depend on file names, times or
    encodings. Examples are written in their original order and shuffled when they are read: the
    TFDS builders that shuffle need TensorFlow for more than a gigabyte of data.
    """

    VERSION = tfds.core.Version(VERSION)

    def __init__(
        self,
        *,
        name: str,
        data_dir: Path,
        image_names: Sequence[str],
        splits: Mapping[str, Split],
        png: bool = True,
        metadata: Mapping[str, Any] | None = None,
    ):
        """Describe a data set.

        Args:
            name: Name of the data set's folder in `data_dir`.
            data_dir: Folder of all TFDS data sets.
            image_names: Names of the images of one example.
            splits: Splits to write. A split may yield fewer examples than its count.
            png: Whether all images are stored as PNG in RGB; if not, as image files of any kind.
            metadata: JSON metadata to store with the data set. The examples of `splits` may add
                to it.
        """
        self.name = name  # pyright: ignore[reportAttributeAccessIssue]
        self._image_names = image_names
        self._splits = splits
        self._png = png
        self._fingerprints: dict[str, str] = {}
        self._metadata = dict(metadata or {}, fingerprints=self._fingerprints)
        super().__init__(data_dir=data_dir, file_format=file_format())

    def _info(self) -> tfds.core.DatasetInfo:
        if self._png:
            image = tfds.features.Image(shape=(None, None, 3), encoding_format="png")
        else:
            image = tfds.features.Tensor(shape=(), dtype=np.object_)
        features = {"id": tfds.features.Text()} | dict.fromkeys(self._image_names, image)
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict(features),
            metadata=tfds.core.MetadataDict(self._metadata),
        )

    def _shard_iterators_per_split(self, dl_manager):
        return {name: self._shards(name, split) for name, split in self._splits.items()}

    def _shards(self, name: str, split: Split) -> list[Callable[[], Iterator]]:
        def examples():
            digest = hashlib.sha256()
            progress = show_progress(
                split.examples(), f"preparing {name}", split.count, unit=" examples"
            )
            for index, (identifier, images) in enumerate(progress):
                for image, pixels in images.items():
                    digest.update(f"{image} {pixels.dtype.str} {pixels.shape}".encode())
                    digest.update(pixels.tobytes())
                self._fingerprints[name] = digest.hexdigest()  # the last shard may stop here
                encoded = {image: encode_image(pixels) for image, pixels in images.items()}
                yield index, {"id": identifier, **encoded}

        remaining = examples()
        shards = -(-split.count // SHARD_SIZE)
        return [lambda: itertools.islice(remaining, SHARD_SIZE)] * shards
