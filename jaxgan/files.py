"""Atomic writes, printable file names, and locks."""

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
    """Return whether an error means a full disk, quota or file size limit."""
    return isinstance(error, OSError) and error.errno in FULL


@contextlib.contextmanager
def replacing(file: Path) -> Iterator[io.BufferedRandom]:
    """Open a new file, which takes its name when it is whole.

    Until then, and after an error or a crash, the name stands for what it did before. A link of
    this name is replaced, and what it leads to stays as it is.
    """
    name = hashlib.sha256(os.fsencode(file.name)).hexdigest()[
        :16
    ]  # short even if the file name is long
    partial = file.with_name(f".{name}.partial")
    partial.unlink(missing_ok=True)  # left by a process that was killed
    try:
        with partial.open("x+b") as opened:
            yield opened
            opened.flush()
            os.fsync(opened.fileno())  # otherwise a power cut may leave an empty file
        partial.replace(file)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def write_text(file: Path, text: str) -> None:
    """Write a text file atomically."""
    with replacing(file) as opened:
        opened.write(text.encode())


def printable(path: PurePath | str) -> str:
    """Return a path as one line of text, with bytes that are not UTF-8 escaped."""
    text = os.fsencode(path).decode(errors="backslashreplace")
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


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
