"""Reads untrusted tar and zip archives: only regular files, within limits."""

import bz2
import contextlib
import gzip
import lzma
import shutil
import stat
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from jaxgan.errors import UserError
from jaxgan.files import is_full

# Far above any data set of images in one archive: anything larger is treated as an attack.
MAX_BYTES = 2**38  # of all files together, after decompression
MAX_MEMBERS = 2_000_000
MAX_DEPTH = 32  # of nested folders
MAX_HEADER = 2**20  # bytes read from a tar at once; tarfile keeps headers in memory
ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")  # how zip archives start
COMPRESSED = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}


class Member(NamedTuple):
    """A regular file in an archive, readable until the next one is requested."""

    name: str
    size: int
    content: Any


class _Bounded:
    """A stream that limits each read to MAX_HEADER bytes, because tarfile trusts header sizes."""

    def __init__(self, stream: Any):
        self._stream = stream
        self.seek, self.tell = stream.seek, stream.tell
        self.last = b""

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= MAX_HEADER:
            raise tarfile.ReadError("a header is too large")
        self.last = self._stream.read(size)
        return self.last


@contextlib.contextmanager
def open_archive(archive: Path, what: str = "a tar or zip archive") -> Iterator[Iterator[Member]]:
    """Open an archive and return an iterator over its files, in stored order.

    Args:
        archive: A tar or zip archive.
        what: Description of the expected file, for the error message.

    Raises:
        UserError: If it is damaged, is too large, or holds links or devices. This may be raised
            while the files are read.
    """
    try:
        with archive.open("rb") as opened:
            start = opened.read(8)
        members = _in_zip(archive) if start.startswith(ZIP) else _in_tar(archive, start)
        yield _checked(archive, members)
    except (UserError, MemoryError):
        raise
    except Exception as error:  # archive readers raise any exception on damaged files
        if is_full(error):
            raise
        reason = str(error) or type(error).__name__
        raise UserError(
            f"{archive} is damaged or not {what} ({reason.splitlines()[0]}): get it again"
        ) from error


def extract(archive: Path, folder: Path) -> None:
    """Extract an archive into a folder that does not contain links.

    Raises:
        UserError: If it is damaged, is too large, or holds links, devices or paths outside of the
            folder.
    """
    root = folder.resolve()
    with open_archive(archive) as members:
        for member in members:
            target = (root / member.name).resolve()
            if not target.is_relative_to(root):
                raise _refusal(archive, f"{member.name!r} is a file outside of its folder")
            if len(target.relative_to(root).parts) > MAX_DEPTH:
                raise _refusal(archive, f"{member.name[:80]!r} is below too many folders")
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as opened:
                shutil.copyfileobj(member.content, opened)


def _checked(archive: Path, members: Iterator[Member | str]) -> Iterator[Member]:
    """Yield members and enforce the limits. A string names a member that is not a regular file."""
    size = 0
    for count, member in enumerate(members, 1):
        if isinstance(member, str):
            raise _refusal(archive, f"{member!r} is not a regular file")
        size += member.size
        if count > MAX_MEMBERS or size > MAX_BYTES:
            raise _refusal(archive, f"more than {MAX_MEMBERS} files or {MAX_BYTES >> 30} GiB")
        yield member


def _refusal(archive: Path, reason: str) -> UserError:
    return UserError(
        f"{archive} is not safe to extract ({reason}): get it elsewhere, or pass a folder that you "
        "extracted yourself as --config.data.root=DIR"
    )


def _in_tar(archive: Path, start: bytes) -> Iterator[Member | str]:
    openers = (opener for magic, opener in COMPRESSED.items() if start.startswith(magic))
    with next(openers, open)(archive, "rb") as stream:
        bounded: Any = _Bounded(stream)
        with tarfile.open(fileobj=bounded, mode="r:", encoding="utf-8") as opened:
            offset = -1
            for entry in opened:
                if entry.offset <= offset or entry.size < 0:
                    raise tarfile.ReadError("its members overlap")
                offset = entry.offset
                if entry.isreg() and not entry.issparse():
                    content = opened.extractfile(entry)
                    assert content is not None
                    yield Member(entry.name, entry.size, content)
                elif not entry.isdir():
                    yield entry.name
            if bounded.last.strip(b"\0"):  # tarfile treats a damaged header as the end
                raise tarfile.ReadError("a header is damaged")


def _in_zip(archive: Path) -> Iterator[Member | str]:
    with zipfile.ZipFile(archive) as opened:
        for entry in opened.infolist():
            kind = stat.S_IFMT(entry.external_attr >> 16)  # 0 if it was not made on Unix
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                yield entry.filename
            elif not entry.is_dir():
                with opened.open(entry) as content:
                    yield Member(entry.filename, entry.file_size, content)
