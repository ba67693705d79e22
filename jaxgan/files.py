"""Files that are either whole or not there, and locks."""

import contextlib
import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def is_full(error: Exception) -> bool:
    """Return whether an error says that a disk, a quota or a limit on files is exhausted."""
    return isinstance(error, OSError) and error.errno in FULL


def write_text(file: Path, text: str) -> None:
    """Write a file; after a crash on the way it is as it was before."""
    partial = file.with_name(file.name + ".partial")
    with partial.open("w", encoding="utf-8") as opened:
        opened.write(text)
        opened.flush()
        os.fsync(opened.fileno())  # else a power cut may leave the new name to an empty file
    partial.replace(file)


def printable(name: str) -> str:
    """Return the name of a file as text: bytes that are not UTF-8 are escaped."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


@contextlib.contextmanager
def lock(file: Path, when_busy: Callable[[], None]) -> Iterator[None]:
    """Hold a lock, which other processes wait for; it ends with the process.

    Args:
        file: The lock's file.
        when_busy: What to do before waiting for another process. It may raise instead.
    """
    held = FileLock(file)
    try:
        held.acquire(blocking=False)
    except Timeout:
        when_busy()
        held.acquire()
    try:
        yield
    finally:
        held.release()
