"""Data sets from an archive that is downloaded or already on disk."""

import contextlib
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from jaxgan.data.prepared import open_or_prepare
from jaxgan.data.sources.archive import extract
from jaxgan.data.sources.folder import Layout, build_from_folder, fingerprint
from jaxgan.download import download
from jaxgan.errors import UserError
from jaxgan.types import Splits


def prepare_archive(
    url: str, sha256: str | None, archive: str | None, name: str, data_dir: Path, layout: Layout
) -> Splits:
    """Prepare the data set in an archive.

    Args:
        url: URL of the archive.
        sha256: Checksum of the download, if known.
        archive: The archive on disk, in place of a download.
        name: Name of the data set's folder in `data_dir`.
        data_dir: Folder of all prepared data sets.
        layout: Layout of the images in the archive.

    Raises:
        UserError: If the archive is not available, or is damaged.
    """
    if archive is None:

        def download_and_build():
            instead = (
                f"--config.data.archive=PATH/{url.rpartition('/')[2]}, or its extracted folder as "
                "--config.data.root=DIR"
            )
            file = download_data(url, sha256, data_dir / "downloads" / name, instead)
            try:
                _build(file, data_dir, name, layout)
            except UserError:
                file.unlink()  # so that the next run downloads it again
                raise

        return open_or_prepare(download_and_build, data_dir, name, source=url)
    return prepare_archive_file(archive, name, data_dir, layout)


def prepare_archive_file(archive: str, name: str, data_dir: Path, layout: Layout) -> Splits:
    """Prepare the data set in an archive on disk. See `prepare_archive`."""
    file = Path(archive).expanduser()
    if not file.is_file():
        raise UserError(f"there is no file {file}, given as --config.data.archive")
    name += "_" + fingerprint([file])
    build = partial(_build, file, data_dir, name, layout)
    return open_or_prepare(build, data_dir, name, source=str(file.absolute()))


def recorded_sha256(builder: str, url: str) -> str:
    """Return the checksum of a download as recorded by a TFDS builder."""
    import tensorflow_datasets as tfds

    records = tfds.builder_cls(builder).url_infos or {}
    return records[url].checksum


def download_data(url: str, sha256: str | None, folder: Path, instead: str) -> Path:
    """Download a file of a data set unless it exists already, and return its path.

    Args:
        url: URL of the file.
        sha256: Checksum of the file, if known.
        folder: Folder to store the file in.
        instead: Command-line option that the error message suggests.

    Raises:
        UserError: If the download fails.
    """
    file = url.rpartition("/")[2]
    hint = f"get {file} elsewhere and pass {instead}, or another address as "
    return download(url, sha256, folder, hint + "--config.data.mirror=URL")


def _build(archive: Path, data_dir: Path, name: str, layout: Layout) -> None:
    """Write the data set in an archive, which is extracted to a temporary folder."""
    with _new_folder(data_dir / f".{name}.extracted") as folder:
        extract(archive, folder)
        found = (path for name in ("train", "trainA") for path in folder.rglob(name))
        roots = sorted(path.parent for path in found if "__MACOSX" not in path.parts)
        root = roots[0] if roots else folder
        if others := [path for path in roots if not path.is_relative_to(root)]:
            one, other = (path.relative_to(folder) for path in (root, others[0]))
            raise UserError(
                f"{archive} holds several data sets ({one} and {other}): extract it and pass one "
                "of its folders as --config.data.root=DIR"
            )
        build_from_folder(root, data_dir, name, layout)


@contextlib.contextmanager
def _new_folder(folder: Path) -> Iterator[Path]:
    """Create a folder, replacing one left by a killed process, and remove it at the end."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
