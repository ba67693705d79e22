"""Files that are either whole or not there, their names in print, and locks."""

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
    """Return whether an error says that a disk, a quota or a limit on files is exhausted."""
    return isinstance(error, OSError) and error.errno in FULL


@contextlib.contextmanager
def replacing(file: Path) -> Iterator[io.BufferedRandom]:
    """Open a new file, which takes its name when it is whole.

    Until then, and after an error or a crash, the name stands for what it did before. A link of
    this name is replaced, and what it leads to stays as it is.
    """
    name = hashlib.sha256(os.fsencode(file.name)).hexdigest()[:16]  # short, whatever the file's is
    partial = file.with_name(f".{name}.partial")
    partial.unlink(missing_ok=True)  # left by a process that was killed
    try:
        with partial.open("x+b") as opened:
            yield opened
            opened.flush()
            os.fsync(opened.fileno())  # else a power cut may leave the new name to an empty file
        partial.replace(file)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def write_text(file: Path, text: str) -> None:
    """Write a file, see `replacing`."""
    with replacing(file) as opened:
        opened.write(text.encode())


def printable(path: PurePath | str) -> str:
    """Return a path as text of one line, with escapes for bytes that are not UTF-8."""
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
