"""Archives from the network or from disk."""

import shutil
import tarfile
import zlib
from pathlib import Path
from typing import Any

import pooch
import requests

from jaxgan.errors import UserError

TIMEOUT = 20  # seconds without an answer after which a download is given up


def download(url: str, folder: Path) -> Path:
    """Download a file, unless it is there already, and return its path.

    Raises:
        UserError: If it cannot be had; the message says which file is wanted and where to put it.
    """
    file = url.rpartition("/")[2]
    downloader: Any = pooch.HTTPDownloader(progressbar=True, timeout=TIMEOUT)
    try:
        # The authors publish no checksums.
        path = pooch.retrieve(url, None, fname=file, path=folder, downloader=downloader)
    except (requests.RequestException, ValueError) as error:
        raise UserError(
            f"could not download {url} ({_reason(error)}): get {file} elsewhere and pass "
            f"--config.data.archive=PATH/{file}, or its extracted folder as "
            "--config.data.root=DIR, or another address as --config.data.mirror=URL"
        ) from error
    return Path(path)


def extract(archive: Path, folder: Path) -> None:
    """Extract a tar or zip archive.

    Raises:
        UserError: If it is damaged.
    """
    try:
        if tarfile.is_tarfile(archive):
            with tarfile.open(archive) as opened:
                opened.extractall(folder, filter="data")
        else:
            shutil.unpack_archive(archive, folder, "zip")
    except (tarfile.TarError, shutil.ReadError, EOFError, zlib.error) as error:
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
    for cause in ("Connection refused", "Name or service not known", "Network is unreachable"):
        if cause in text:
            return cause.lower()
    return text or type(error).__name__
