"""Data sets from an archive that is downloaded or already on disk."""

import contextlib
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pooch
import requests

from jaxgan.data.prepared import open_or_prepare
from jaxgan.data.sources.archive import extract
from jaxgan.data.sources.folder import Layout, build_from_folder, fingerprint
from jaxgan.errors import UserError
from jaxgan.progress import show_progress
from jaxgan.types import Splits

CHUNK = 2**10  # bytes read at once
TIMEOUT = 20  # seconds without a response before a download is aborted
WINDOW = 60  # seconds in which at least SLOWEST bytes must arrive
SLOWEST = 2**16  # bytes, far fewer than any usable connection transfers


class _TooSlow(requests.Timeout):
    """A server sends data too slowly for a download to finish."""


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
            file = download(url, sha256, data_dir / "downloads" / name, instead)
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


def download(url: str, sha256: str | None, folder: Path, instead: str) -> Path:
    """Download a file unless it exists already, and return its path.

    Args:
        url: URL of the file.
        sha256: Checksum of the file, if known.
        folder: Folder to store the file in.
        instead: Command-line option that the error message suggests.

    Raises:
        UserError: If the download fails.
    """
    file = url.rpartition("/")[2]
    for unfinished in folder.glob("tmp*"):  # left by pooch in a killed process
        unfinished.unlink()
    downloader: Any = _fetch
    known_hash = sha256 and f"sha256:{sha256}"
    try:
        path = pooch.retrieve(url, known_hash, fname=file, path=folder, downloader=downloader)
    except (requests.RequestException, ValueError) as error:
        raise UserError(
            f"could not download {url} ({_reason(error)}): get {file} elsewhere and pass "
            f"{instead}, or another address as --config.data.mirror=URL"
        ) from error
    return Path(path)


def _fetch(url: str, file: str, _: Any) -> None:
    """Download a file for pooch, but abort if it is too slow.

    Socket timeouts apply only between bytes, so the download runs in a thread that is watched here.
    """
    errors: list[Exception] = []

    def download():
        try:
            with requests.get(url, stream=True, timeout=TIMEOUT) as response:
                response.raise_for_status()
                total = int(response.headers.get("content-length", 0))
                what = f"downloading {url.rpartition('/')[2]}"
                with show_progress(what=what, total=total, unit="B", unit_scale=True) as progress:
                    for chunk in response.iter_content(CHUNK):
                        opened.write(chunk)
                        progress.update(len(chunk))
        except Exception as error:
            errors.append(error)

    with open(file, "wb") as opened:
        thread = threading.Thread(target=download, daemon=True)
        thread.start()
        size = 0
        while True:
            thread.join(WINDOW)
            if not thread.is_alive():
                break
            before, size = size, opened.tell()
            if size - before < SLOWEST:
                raise _TooSlow
    if errors:
        raise errors[0]


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


def _reason(error: Exception) -> str:
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"the server answers {error.response.status_code} {error.response.reason}"
    if isinstance(error, _TooSlow):
        return f"less than {SLOWEST >> 10} KiB came in {WINDOW} seconds"
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
