"""Output folders of commands, in which no file of the user is overwritten."""

import itertools
import json
import os
import unicodedata
from collections.abc import Iterable
from pathlib import Path, PurePath

from jaxgan.errors import UserError
from jaxgan.files import printable, write_text

RECORD = ".jaxgan.json"  # in an output folder: names of the files that commands wrote there


class Names:
    """Unique names of files to write, ignoring case and Unicode form."""

    def __init__(self, taken: Iterable[PurePath] = ()):
        """Reserve names that files cannot have, such as those of folders."""
        self._taken = {_folded(name) for name in taken}

    def add(self, name: PurePath) -> bool:
        """Take a name if it is free; return whether it was."""
        free = (folded := _folded(name)) not in self._taken
        self._taken.add(folded)
        return free

    def take(self, *names: PurePath) -> PurePath:
        """Take and return the first of these names that is free, or the last one with a number."""
        last = names[-1]
        numbered = (last.with_stem(f"{last.stem}.{number}") for number in itertools.count(2))
        return next(filter(self.add, itertools.chain(names, numbered)))


def claim(
    folder: Path, names: Iterable[PurePath], *, overwrite: bool, inputs: Iterable[Path] = ()
) -> None:
    """Create a folder if it is missing, and record there which files a command will write.

    Args:
        folder: The folder.
        names: Names of the files, relative to the folder.
        overwrite: Whether to replace files that no command wrote.
        inputs: Files that are never replaced.

    Raises:
        UserError: If a file of the user has one of these names. Nothing is written then.
    """
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{printable(folder)} is not a folder: choose another --output")
    names = sorted(names)
    known = _read_record(folder)
    protected = {_place(file) for file in inputs} | {file.resolve() for file in inputs}
    for name in names:
        file = folder / name
        for parent in itertools.islice(file.parents, len(name.parts) - 1):
            if os.path.lexists(parent) and not parent.is_dir():
                raise UserError(f"{printable(parent)} is not a folder: choose another --output")
        if not os.path.lexists(file):
            continue
        if _place(file) in protected:
            raise UserError(f"{printable(file)} is one of the inputs: choose another --output")
        if file.exists() and not file.is_file():
            raise UserError(f"{printable(file)} is not a regular file: choose another --output")
        if not overwrite and name.as_posix() not in known:
            raise UserError(
                f"{printable(file)} exists, and jaxgan did not write it: choose another --output, "
                "or pass --overwrite to replace such files"
            )
    folder.mkdir(parents=True, exist_ok=True)
    written = known.union(name.as_posix() for name in names)
    write_text(folder / RECORD, json.dumps(sorted(written), indent=1) + "\n")


def _read_record(folder: Path) -> set[str]:
    """Return the names in a folder's record, which is empty if missing or damaged."""
    try:
        names = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return set()
    return {name for name in names if isinstance(name, str)} if isinstance(names, list) else set()


def _place(file: Path) -> Path:
    """Return the resolved path of a file; unlike `resolve`, a final symbolic link is kept."""
    return file.parent.resolve() / file.name


def _folded(name: PurePath) -> str:
    return unicodedata.normalize("NFC", name.as_posix().casefold())
