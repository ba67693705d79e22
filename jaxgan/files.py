"""Atomic writes, printable paths and locks."""

import contextlib
import errno
import hashlib
import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path, PurePath

from filelock import FileLock, Timeout

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def is_full(error: Exception) -> bool:
    """Return whether an error means that a disk is full, or a quota or file size limit reached."""
    return isinstance(error, OSError) and error.errno in FULL


@contextlib.contextmanager
def replacing(file: Path) -> Iterator[io.BufferedRandom]:
    """Open a temporary file that replaces `file` when the context exits without an error.

    After an error or a crash, `file` is unchanged. If it is a link, the link is replaced and its
    target is unchanged.
    """
    name = hashlib.sha256(os.fsencode(file.name)).hexdigest()[:16]  # always short enough
    partial = file.with_name(f".{name}.partial")
    partial.unlink(missing_ok=True)  # left by a process that was killed
    try:
        with partial.open("x+b") as opened:
            yield opened
            opened.flush()
            os.fsync(opened.fileno())  # otherwise a power failure may leave an empty file
        partial.replace(file)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def write_text(file: Path, text: str) -> None:
    """Write a text file atomically, see `replacing`."""
    with replacing(file) as opened:
        opened.write(text.encode())


def printable(path: PurePath | str) -> str:
    """Return a path as one line of text, with escapes for what is not printable or not UTF-8."""
    text = os.fsencode(path).decode(errors="backslashreplace")
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


@contextlib.contextmanager
def lock(file: Path, when_busy: Callable[[], None]) -> Iterator[None]:
    """Hold a lock that excludes other processes; it is released when the process ends.

    Args:
        file: The lock file.
        when_busy: Called before waiting for another process. It may raise instead.
    """
    file_lock = FileLock(file)
    try:
        file_lock.acquire(blocking=False)
    except Timeout:
        when_busy()
        file_lock.acquire()
    try:
        yield
    finally:
        file_lock.release()
