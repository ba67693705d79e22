"""The data sets of the pix2pix paper (Isola et al. 2017, section 4)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from jaxgan.data.sources.download import prepare_archive
from jaxgan.data.sources.folder import prepare_folder
from jaxgan.data.sources.paired_folder import paired_layout
from jaxgan.images.kinds import RGB_DOMAINS, ImageKind
from jaxgan.settings.resume import FREE
from jaxgan.types import Splits

PIX2PIX_HOST = "https://efrosgans.eecs.berkeley.edu/pix2pix/datasets"


@dataclass(frozen=True, kw_only=True)
class Pix2pixDownload:
    """One of the data sets that the authors offer for download, as A|B pictures."""

    name: Literal["facades", "cityscapes", "maps", "edges2shoes", "edges2handbags", "night2day"] = (
        "facades"
    )
    """Which data set."""
    mirror: str = field(default=PIX2PIX_HOST, metadata=FREE)
    """Base URL of the archive NAME.tar.gz."""
    archive: str | None = field(default=None, metadata=FREE)
    """The archive as a local file, in place of a download."""
    root: str | None = field(default=None, metadata=FREE)
    """The archive's extracted folder, which holds train, in place of a download."""

    def kinds(self) -> Mapping[str, ImageKind]:
        return RGB_DOMAINS

    def prepare(self, data_dir: Path) -> Splits:
        if self.root is not None:
            return prepare_folder(self.root, data_dir, paired_layout(self.kinds()))
        url = f"{self.mirror.rstrip('/')}/{self.name}.tar.gz"
        name = f"pix2pix_{self.name}"
        # The authors do not publish checksums.
        return prepare_archive(url, None, self.archive, name, data_dir, paired_layout(self.kinds()))
