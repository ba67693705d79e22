"""Downloads of single files, with their checksums."""

import threading
from pathlib import Path
from typing import Any

import pooch
import requests

from jaxgan.errors import UserError
from jaxgan.progress import show_progress

CHUNK = 2**10  # bytes read at once
TIMEOUT = 20  # seconds without a response before a download is aborted
WINDOW = 60  # seconds in which at least SLOWEST bytes must arrive
SLOWEST = 2**16  # bytes, far fewer than any usable connection transfers


class _TooSlow(requests.Timeout):
    """A server sends data too slowly for a download to finish."""


def download(url: str, sha256: str | None, folder: Path, hint: str) -> Path:
    """Download a file unless it exists already, and return its path.

    Args:
        url: URL of the file.
        sha256: Checksum of the file, if known.
        folder: Folder to store the file in.
        hint: What to do if that fails, for the error message.

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
        raise UserError(f"could not download {url} ({_reason(error)}): {hint}") from error
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
