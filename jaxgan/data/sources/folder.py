"""Writes folders of images, in any layout, as prepared data sets."""

import hashlib
import os
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from jaxgan.data.levels import Levels
from jaxgan.data.prepared import Examples, Split, open_or_prepare, shorten, write
from jaxgan.errors import ImageError, UserError
from jaxgan.files import printable
from jaxgan.images.files import RawImage, read_image, read_size
from jaxgan.images.kinds import ImageKind
from jaxgan.types import Splits

SPLITS = ("train", "val", "test")
TIFF = (".tif", ".tiff")  # version 0.1 read some of these files by other rules


class FileExample(NamedTuple):
    """The name and the files of one example.

    Attributes:
        name: Name of the example.
        files: Its image files.
        pixels: The kind of each image.
    """

    name: str
    files: tuple[Path, ...]
    pixels: tuple[ImageKind, ...]


class Found(NamedTuple):
    """The examples that a layout finds below a folder.

    Attributes:
        items: The examples of every split.
        read_as: How a split was read, if its name does not say so.
        left_out: Files of a split that are not in any example, with the reason.
    """

    items: dict[str, list[FileExample]]
    read_as: dict[str, str]
    left_out: dict[Path, str]

    def unused(self, root: Path) -> list[str]:
        """Return the names of files and folders that belong to no split."""
        files = [file for split in self.items.values() for item in split for file in item.files]
        used = {file.relative_to(root).parts[0] for file in (*files, *self.left_out)}
        return sorted(
            printable(entry.name)
            for entry in root.iterdir()
            if entry.name not in used and not entry.name.startswith(".")
        )


class Layout(NamedTuple):
    """The layout of examples in a folder.

    Attributes:
        image_names: Names of the images of an example.
        pixels: The kinds of the images, by name or by domain.
        find: Finds the examples below a folder. Raises UserError if there is nothing to train on.
        read: Reads the images of an example at the depth of their files. Raises ImageError.
    """

    image_names: tuple[str, ...]
    pixels: Mapping[str, ImageKind]
    find: Callable[[Path], Found]
    read: Callable[[FileExample], Sequence[RawImage]]


def prepare_folder(root: str | None, data_dir: Path, layout: Layout) -> Splits:
    """Prepare a folder of images. It is prepared again if its files change.

    Raises:
        UserError: If no folder is given, or it holds nothing to train on.
    """
    if root is None:
        raise UserError("no images given: pass their folder as --config.data.root=DIR")
    folder = Path(root).expanduser()
    if not folder.is_dir():
        raise UserError(f"the folder {folder} does not exist")
    found = layout.find(folder)
    files = [file for split in found.items.values() for item in split for file in item.files]
    kinds = {name: (kind.channels, kind.dtype) for name, kind in layout.pixels.items()}
    limits = [(kind.value_range, kind.nodata) for kind in layout.pixels.values()]
    use = f"{kinds} {[*found.items]}"
    use += f" {limits}" if any(map(any, limits)) else ""
    use += " tifffile" if any(file.suffix.lower() in TIFF for file in files) else ""
    digest = fingerprint([*files, *found.left_out], use)
    name = f"folder_of_{'_and_'.join(layout.image_names)}_{digest}"

    def build():
        build_from_folder(folder, data_dir, name, layout)

    return open_or_prepare(
        build, data_dir, name, source=str(folder.absolute()), unused=found.unused(folder)
    )


def build_from_folder(root: Path, data_dir: Path, name: str, layout: Layout) -> None:
    """Write the examples below `root` as data set `name`.

    Raises:
        UserError: If a split has no usable example.
    """
    found = layout.find(root)
    left_out = [
        f"{printable(str(file.relative_to(root)))}: {reason}"
        for file, reason in found.left_out.items()
    ]
    levels = Levels()
    warnings: list[str] = []

    def read(split: str) -> Examples:
        used = 0
        for item in found.items[split]:
            try:
                as_read = layout.read(item)
                files = item.files * (len(as_read) // len(item.files))  # one file may hold all
                images = [*map(_convert, files, item.pixels, as_read)]
            except ImageError as error:
                left_out.append(printable(str(error).removeprefix(os.path.join(root, ""))))
            else:
                used += 1
                for image_name, kind, image in zip(
                    layout.image_names, item.pixels, as_read, strict=True
                ):
                    domain = image_name if image_name in layout.pixels else split[-1].lower()
                    levels.add(domain, kind, image)
                warnings[:] = levels.warnings()
                yield item.name, dict(zip(layout.image_names, images, strict=True))
        if not used:
            raise UserError(f"{root} has no usable image for {split}: {shorten(left_out)}")

    write(
        name=name,
        data_dir=data_dir,
        image_names=layout.image_names,
        png=all(map(is_png, layout.pixels.values())),
        splits={
            split: Split(len(items), partial(read, split)) for split, items in found.items.items()
        },
        metadata={
            "read_as": found.read_as,
            "left_out": left_out,
            "warnings": warnings,
            "unused": found.unused(root),
        },
    )


def fingerprint(files: Iterable[Path], use: str = "") -> str:
    """Return a short hash of the names, sizes and times of files, and of their use.

    Raises:
        UserError: If a file is missing.
    """
    digest = hashlib.sha256(use.encode())
    for file in files:
        try:
            status = file.stat()
        except FileNotFoundError as error:
            raise UserError(f"{file} was removed just now: run the same command again") from error
        # A copy may preserve the modification time, but not the change time (ctime).
        times = f"{status.st_mtime_ns}\0{status.st_ctime_ns}"
        digest.update(os.fsencode(file.resolve()) + f"\0{status.st_size}\0{times}\0".encode())
    return digest.hexdigest()[:16]


def visible_files(folder: Path) -> list[Path]:
    """Return the files below a folder, sorted by path, except hidden files and folders.

    Links to folders are followed, except links to a folder that contains them. No folder is read
    twice.
    """
    files: list[Path] = []
    seen: set[Path] = set()
    starts = [folder]
    for start in starts:  # the list grows: links come last, so a folder keeps its own name
        for path, folders, names in os.walk(start):
            parent, real = Path(path), Path(path).resolve()
            if real in seen:
                folders.clear()
                continue
            seen.add(real)
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            links = [parent / name for name in folders if (parent / name).is_symlink()]
            starts += [link for link in links if not real.is_relative_to(link.resolve())]
            files += [parent / name for name in names if not name.startswith(".")]
    existing = (file for file in files if file.exists())  # named pipes too: readers reject them
    return sorted(existing, key=lambda file: relative_name(file, folder).split("/"))


def relative_name(file: Path, folder: Path) -> str:
    """Return a file's path relative to a folder, the same on all systems: with slashes, in NFC.

    macOS may write an accented letter as two characters (NFD). Bytes that are not UTF-8 are
    escaped.
    """
    return unicodedata.normalize("NFC", printable(file.relative_to(folder).as_posix()))


def domain_folders(root: Path, split: str) -> tuple[Path, Path]:
    """Return the folders A and B of a split, or their default paths if there are none.

    They are splitA and splitB (the default), or split/A and split/B, or split/a and split/b.
    """
    default = root / f"{split}A", root / f"{split}B"
    for a, b in (default, *((root / split / a, root / split / b) for a, b in ("AB", "ab"))):
        # Case-insensitive file systems also find A under the name a.
        if a.is_dir() and b.is_dir() and {a.name, b.name} <= {*os.listdir(a.parent)}:
            return a, b
    return default


def outside(root: Path, split: str, folders: tuple[Path, Path]) -> dict[Path, str]:
    """Return the files in a split's folder that are neither in its A nor in its B, and why."""
    a, b = folders
    if a.parent != root / split:
        return {}
    return {
        file: f"neither in {split}/{a.name} nor in {split}/{b.name}"
        for file in visible_files(root / split)
        if not (file.is_relative_to(a) or file.is_relative_to(b))
    }


def is_png(kind: ImageKind) -> bool:
    """Return whether images of a kind are stored as PNG."""
    return kind.channels == 3 and kind.dtype == "uint8"


def is_image(file: Path) -> bool:
    """Return whether a file seems to be an image, without reading all of it."""
    try:
        read_size(file)
    except ImageError:
        return False
    return True


@contextmanager
def _naming(file: Path) -> Iterator[None]:
    """Add the name of the file to the message of an ImageError."""
    try:
        yield
    except ImageError as error:
        raise ImageError(f"{file}: {error}") from error


def read_file(file: Path, kind: ImageKind) -> RawImage:
    """Read an image with the channels of a kind, at the depth of the file.

    Raises:
        ImageError: If that fails; the message names the file.
    """
    with _naming(file):
        return read_image(file, kind.channels, kind.nodata)


def read_one(item: FileExample) -> list[RawImage]:
    """Read the image of an example that has only one.

    Raises:
        ImageError: If that fails; the message names the file.
    """
    return [read_file(item.files[0], item.pixels[0])]


def _convert(file: Path, kind: ImageKind, image: RawImage) -> RawImage:
    """Convert an image to a kind.

    Raises:
        ImageError: If the image does not fit the kind; the message names the file.
    """
    with _naming(file):
        converted = kind.convert(image)
        kind.check_range(converted)
        return converted
