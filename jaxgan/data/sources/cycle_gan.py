"""The data sets of the CycleGAN paper (Zhu et al. 2017, appendix 7.1)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from jaxgan.data.sources.download import prepare_archive, recorded_sha256
from jaxgan.data.sources.folder import prepare_folder
from jaxgan.data.sources.unpaired_folder import unpaired_layout
from jaxgan.images.kinds import RGB_DOMAINS, ImageKind
from jaxgan.settings.resume import FREE
from jaxgan.types import Splits

CYCLE_GAN_HOST = "https://efrosgans.eecs.berkeley.edu/cyclegan/datasets"
# Training images in the larger domain of each data set, which are the steps of an epoch at the
# paper's batch size of 1. The paper trains on each for 200 epochs.
EPOCHS: Mapping[str, int] = {
    "apple2orange": 1019,  # oranges; 75 MB to download
    "summer2winter_yosemite": 1231,  # summer; 127 MB
    "horse2zebra": 1334,  # zebras; 111 MB
    "monet2photo": 6287,  # photos; 291 MB
    "cezanne2photo": 6287,  # photos; 267 MB
    "ukiyoe2photo": 6287,  # photos; 279 MB
    "vangogh2photo": 6287,  # photos; 292 MB
    "maps": 1096,  # of each domain; 1.4 GB
    "cityscapes": 2975,  # of each domain; 267 MB
    "facades": 400,  # of each domain; 34 MB
    "iphone2dslr_flower": 3325,  # camera photos; 324 MB
}


@dataclass(frozen=True, kw_only=True)
class CycleGANDownload:
    """One of the data sets that the authors offer for download, checked by its SHA-256."""

    name: Literal[
        "apple2orange",
        "summer2winter_yosemite",
        "horse2zebra",
        "monet2photo",
        "cezanne2photo",
        "ukiyoe2photo",
        "vangogh2photo",
        "maps",
        "cityscapes",
        "facades",
        "iphone2dslr_flower",
    ] = "horse2zebra"
    """Which data set. It determines the number of steps in configs that count whole epochs."""
    mirror: str = field(default=CYCLE_GAN_HOST, metadata=FREE)
    """Base URL of the archive NAME.zip."""
    archive: str | None = field(default=None, metadata=FREE)
    """The archive as a local file, in place of a download; it is not checked."""
    root: str | None = field(default=None, metadata=FREE)
    """The archive's extracted folder, which holds trainA and trainB, in place of a download."""

    def kinds(self) -> Mapping[str, ImageKind]:
        return RGB_DOMAINS

    @property
    def published_epoch_size(self) -> int:
        return EPOCHS[self.name]

    def prepare(self, data_dir: Path) -> Splits:
        splits = self._prepare(data_dir)
        size = max(len(splits["trainA"]), len(splits["trainB"]))
        if size != self.published_epoch_size:
            print(
                f"warning: the larger domain of {self.name} has {self.published_epoch_size} images "
                f"to train on, but {size} were found: if they are of another data set, pass its "
                "name as --config.data.name, from which config.train.steps follow"
            )
        return splits

    def _prepare(self, data_dir: Path) -> Splits:
        if self.root is not None:
            return prepare_folder(self.root, data_dir, unpaired_layout(self.kinds()))
        sha256 = recorded_sha256("cycle_gan", f"{CYCLE_GAN_HOST}/{self.name}.zip")
        url = f"{self.mirror.rstrip('/')}/{self.name}.zip"
        name = f"cycle_gan_{self.name}"
        return prepare_archive(
            url, sha256, self.archive, name, data_dir, unpaired_layout(self.kinds())
        )
