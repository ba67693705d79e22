"""The data sets of the pix2pix paper (Isola et al. 2017, section 4)."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from jaxgan.data.builder import open_or_prepare
from jaxgan.data.download import download, extract
from jaxgan.data.folder import build_from_folder, fingerprint, prepare_folder
from jaxgan.errors import UserError
from jaxgan.types import Splits


@dataclass(frozen=True, kw_only=True)
class Pix2pixDownload:
    """One of the data sets that the authors offer for download, as A|B pictures."""

    name: Literal["facades", "cityscapes", "maps", "edges2shoes", "edges2handbags", "night2day"] = (
        "facades"
    )
    """Which data set."""
    mirror: str = "https://efrosgans.eecs.berkeley.edu/pix2pix/datasets"
    """Address below which the archive lies, as NAME.tar.gz."""
    archive: str | None = None
    """The archive as a local file, in place of a download."""
    root: str | None = None
    """The archive's extracted folder, which holds train, in place of a download."""

    def prepare(self, data_dir: Path) -> Splits:
        """See `PairSource.prepare`."""
        if self.root is not None:
            return prepare_folder(Path(self.root).expanduser(), data_dir)
        name = f"pix2pix_{self.name}"
        if self.archive is None:
            return open_or_prepare(lambda: self._download_and_build(data_dir, name), data_dir, name)
        archive = Path(self.archive).expanduser()
        if not archive.is_file():
            raise UserError(f"there is no file {archive}, given as --config.data.archive")
        name += "_" + fingerprint([archive])
        return open_or_prepare(lambda: _build(archive, data_dir, name), data_dir, name)

    def _download_and_build(self, data_dir: Path, name: str) -> None:
        url = f"{self.mirror.rstrip('/')}/{self.name}.tar.gz"
        archive = download(url, data_dir / "downloads" / "pix2pix")
        try:
            _build(archive, data_dir, name)
        except UserError:
            archive.unlink()  # the next run shall not meet the same damaged file
            raise


def _build(archive: Path, data_dir: Path, name: str) -> None:
    """Write the data set in an archive; the folder it is extracted to is removed again."""
    data_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".extracted-", dir=data_dir) as folder:
        extract(archive, Path(folder))
        root = next((train.parent for train in Path(folder).rglob("train")), Path(folder))
        build_from_folder(root, data_dir, name)
