"""The data sets of the CycleGAN paper (Zhu et al. 2017, appendix 7.1)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from jaxgan.data.download import prepare_archive, recorded_sha256
from jaxgan.data.folder import prepare_folder
from jaxgan.data.unpaired_folder import domains
from jaxgan.pixels import RGB_DOMAINS, Pixels
from jaxgan.resume import FREE
from jaxgan.types import Splits

HOST = "https://efrosgans.eecs.berkeley.edu/cyclegan/datasets"


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
    """Which data set."""
    mirror: str = field(default=HOST, metadata=FREE)
    """Address below which the archive lies, as NAME.zip."""
    archive: str | None = field(default=None, metadata=FREE)
    """The archive as a local file, in place of a download; it is not checked."""
    root: str | None = field(default=None, metadata=FREE)
    """The archive's extracted folder, which holds trainA and trainB, in place of a download."""

    def pixels(self) -> Mapping[str, Pixels]:
        """See `DomainSource.pixels`."""
        return RGB_DOMAINS

    def prepare(self, data_dir: Path) -> Splits:
        """See `DomainSource.prepare`."""
        if self.root is not None:
            return prepare_folder(self.root, data_dir, domains(self.pixels()))
        sha256 = recorded_sha256("cycle_gan", f"{HOST}/{self.name}.zip")
        url = f"{self.mirror.rstrip('/')}/{self.name}.zip"
        name = f"cycle_gan_{self.name}"
        return prepare_archive(url, sha256, self.archive, name, data_dir, domains(self.pixels()))
