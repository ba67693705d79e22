"""Data sets from an archive, which is downloaded or lies on disk already."""

import gzip
import lzma
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pooch
import requests

from jaxgan.data.folder import Layout, build_from_folder, fingerprint
from jaxgan.data.prepared import open_or_prepare
from jaxgan.errors import UserError
from jaxgan.types import Splits

DAMAGED = (  # what readers of archives raise; an encrypted zip gives RuntimeError
    *(tarfile.TarError, shutil.ReadError, zipfile.BadZipFile, gzip.BadGzipFile, lzma.LZMAError),
    *(zlib.error, EOFError, RuntimeError, NotImplementedError),
)
TIMEOUT = 20  # seconds without an answer after which a download is given up


def prepare_archive(
    url: str, sha256: str | None, archive: str | None, name: str, data_dir: Path, layout: Layout
) -> Splits:
    """Prepare the data set in an archive.

    Args:
        url: Where to download the archive.
        sha256: Checksum of the download, where there is one.
        archive: The archive on disk, in place of a download.
        name: Name of the data set's folder in `data_dir`.
        data_dir: Folder of all prepared data sets.
        layout: How images lie in the archive.

    Raises:
        UserError: If the archive cannot be had, or is damaged.
    """
    if archive is None:

        def download_and_build():
            instead = (
                f"--config.data.archive=PATH/{url.rpartition('/')[2]}, or its extracted folder as "
                "--config.data.root=DIR"
            )
            file = download(url, sha256, data_dir / "downloads" / name, instead)
            try:
                _build(file, data_dir, name, layout)
            except UserError:
                file.unlink()  # the next run shall not meet the same damaged file
                raise

        return open_or_prepare(download_and_build, data_dir, name)
    return prepare_archive_file(archive, name, data_dir, layout)


def prepare_archive_file(archive: str, name: str, data_dir: Path, layout: Layout) -> Splits:
    """Prepare the data set in an archive on disk, as `prepare_archive`."""
    file = Path(archive).expanduser()
    if not file.is_file():
        raise UserError(f"there is no file {file}, given as --config.data.archive")
    name += "_" + fingerprint([file])
    return open_or_prepare(lambda: _build(file, data_dir, name, layout), data_dir, name)


def recorded_sha256(builder: str, url: str) -> str:
    """Return the checksum that TFDS records, with a builder of its own, for a download."""
    import tensorflow_datasets as tfds

    records = tfds.builder_cls(builder).url_infos or {}
    return records[url].checksum


def download(url: str, sha256: str | None, folder: Path, instead: str) -> Path:
    """Download a file, unless it is there already, and return its path.

    Args:
        url: Where it is.
        sha256: Its checksum, where there is one.
        folder: Where to put it.
        instead: What to pass on the command line if it cannot be had.

    Raises:
        UserError: If it cannot be had.
    """
    file = url.rpartition("/")[2]
    downloader: Any = pooch.HTTPDownloader(progressbar=True, timeout=TIMEOUT)
    known_hash = sha256 and f"sha256:{sha256}"
    try:
        path = pooch.retrieve(url, known_hash, fname=file, path=folder, downloader=downloader)
    except (requests.RequestException, ValueError) as error:
        raise UserError(
            f"could not download {url} ({_reason(error)}): get {file} elsewhere and pass "
            f"{instead}, or another address as --config.data.mirror=URL"
        ) from error
    return Path(path)


def _build(archive: Path, data_dir: Path, name: str, layout: Layout) -> None:
    """Write the data set in an archive; the folder it is extracted to is removed again."""
    data_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".extracted-", dir=data_dir) as folder:
        _extract(archive, Path(folder))
        found = (path for name in ("train", "trainA") for path in Path(folder).rglob(name))
        roots = sorted(path.parent for path in found if "__MACOSX" not in path.parts)
        root = roots[0] if roots else Path(folder)
        if others := [path for path in roots if not path.is_relative_to(root)]:
            one, other = (path.relative_to(folder) for path in (root, others[0]))
            raise UserError(
                f"{archive} holds several data sets ({one} and {other}): extract it and pass one "
                "of its folders as --config.data.root=DIR"
            )
        build_from_folder(root, data_dir, name, layout)


def _extract(archive: Path, folder: Path) -> None:
    try:
        if tarfile.is_tarfile(archive):
            with tarfile.open(archive) as opened:
                opened.extractall(folder, filter="data")
        else:
            shutil.unpack_archive(archive, folder, "zip")
    except DAMAGED as error:
        raise UserError(
            f"{archive} is damaged or not a tar or zip archive ({_reason(error)}): get it again"
        ) from error


def _reason(error: Exception) -> str:
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"the server answers {error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.Timeout):
        return f"no answer for {TIMEOUT} seconds"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection broke off"
    text = str(error)
    if text.startswith("SHA256 hash"):
        return "its SHA-256 is not the one on record"
    for cause in ("Connection refused", "Name or service not known", "Network is unreachable"):
        if cause in text:
            return cause.lower()
    return text or type(error).__name__
