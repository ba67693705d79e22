"""Data sets of images prepared by TFDS."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jaxgan.data.prepared import Records, file_format, unreadable
from jaxgan.errors import UserError
from jaxgan.images.kinds import RGB, ImageKind
from jaxgan.types import Splits


@dataclass(frozen=True, kw_only=True)
class TFDSImages:
    """A TFDS data set whose records hold an `image`, prepared in `data_dir`.

    Its format is ArrayRecord, or Parquet where array_record is not installed.
    """

    name: str
    """Name of the data set, with config and version if there are several: mnist, lsun/bedroom."""
    image: ImageKind = RGB
    """Kind of the images."""

    def kinds(self) -> Mapping[str, ImageKind]:
        return {"image": self.image}

    @property
    def _remedy(self) -> str:
        return f"prepare {self.name} with TFDS again"

    def prepare(self, data_dir: Path) -> Splits:
        import tensorflow_datasets as tfds  # slow to import

        form = file_format()
        try:
            builder = tfds.builder(self.name, data_dir=data_dir, file_format=form)
        except (tfds.core.DatasetNotFoundError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise UserError(f"TFDS has no data set {self.name} ({reason})") from error
        except Exception as error:  # TFDS raises any exception on damaged files
            raise unreadable(f"{self.name} in {data_dir}", error, self._remedy) from error
        features = builder.info.features
        if not isinstance(features, tfds.features.FeaturesDict) or "image" not in features:
            raise UserError(f"the records of {self.name} hold no image")
        if not builder.info.splits:
            raise UserError(
                f"{self.name} is not in {data_dir} as {form}: prepare it where there is "
                f"TensorFlow, by tfds.builder('{self.name}', file_format='{form}')"
                ".download_and_prepare()"
            )
        if "train" not in builder.info.splits:
            found = ", ".join(builder.info.splits)
            raise UserError(f"{self.name} has no split train: there are {found}")
        decoders = {"image": tfds.decode.SkipDecoding()}
        splits = {
            split: Records(
                builder.as_data_source(split, decoders=decoders),  # pyright: ignore[reportCallIssue]
                self._remedy,
                f"{builder.info.full_name}, {int(info.num_bytes)} bytes",  # there is no checksum
            )
            for split, info in builder.info.splits.items()
        }
        print("data: " + ", ".join(f"{len(records)} {split}" for split, records in splits.items()))
        return splits
