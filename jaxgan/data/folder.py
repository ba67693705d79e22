"""Folders of images, in any layout, written as prepared data sets."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from jaxgan.data.levels import Levels
from jaxgan.data.prepared import Examples, Split, open_or_prepare, write
from jaxgan.errors import ImageError, UserError
from jaxgan.image_files import Pixelated, encode_image, read_image
from jaxgan.pixels import Pixels
from jaxgan.types import Splits

TIFF = (".tif", ".tiff")  # version 0.1 did not read all of them by the same rules


class Item(NamedTuple):
    """The files of one example, and its name.

    Attributes:
        name: What it is called.
        files: Where its images are.
        pixels: What they are, one for every image.
    """

    name: str
    files: tuple[Path, ...]
    pixels: tuple[Pixels, ...]


class Layout(NamedTuple):
    """How examples lie in a folder.

    Attributes:
        image_names: Names of an example's images.
        pixels: What its images are, by the name or the domain.
        find: Finds the items of every split below a folder, and the files that belong to none with
            the reason why. Raises UserError if there is nothing to train on.
        read: Turns an item into its images, as deep as their files are. Raises ImageError.
    """

    image_names: tuple[str, ...]
    pixels: Mapping[str, Pixels]
    find: Callable[[Path], tuple[dict[str, list[Item]], dict[Path, str]]]
    read: Callable[[Item], Sequence[Pixelated]]


def prepare_folder(root: str | None, data_dir: Path, layout: Layout) -> Splits:
    """Prepare a folder of images, anew when its files change.

    Raises:
        UserError: If no folder is given, or it holds nothing to train on.
    """
    if root is None:
        raise UserError("no images given: pass their folder as --config.data.root=DIR")
    folder = Path(root).expanduser()
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}")
    items, left_out = layout.find(folder)
    files = [file for split in items.values() for item in split for file in item.files]
    kinds = {name: (kind.channels, kind.dtype) for name, kind in layout.pixels.items()}
    limits = [(kind.value_range, kind.nodata) for kind in layout.pixels.values()]
    use = f"{kinds} {[*items]}"
    use += f" {limits}" if any(map(any, limits)) else ""
    use += " tifffile" if any(file.suffix.lower() in TIFF for file in files) else ""
    digest = fingerprint([*files, *left_out], use)
    name = f"folder_of_{'_and_'.join(layout.image_names)}_{digest}"

    def build():
        build_from_folder(folder, data_dir, name, layout)

    return open_or_prepare(build, data_dir, name)


def build_from_folder(root: Path, data_dir: Path, name: str, layout: Layout) -> None:
    """Write the examples below `root` as data set `name`.

    Raises:
        UserError: If a split has no usable example.
    """
    items, unused = layout.find(root)
    left_out = [f"{file.relative_to(root)}: {reason}" for file, reason in unused.items()]
    levels = Levels()
    warnings: list[str] = []

    def read(split: str) -> Examples:
        used = 0
        for item in items[split]:
            try:
                found = layout.read(item)
                files = item.files * (len(found) // len(item.files))  # one may hold all images
                images = [*map(_convert, files, item.pixels, found)]
            except ImageError as error:
                left_out.append(str(error))
            else:
                used += 1
                for image_name, kind, image in zip(
                    layout.image_names, item.pixels, found, strict=True
                ):
                    domain = image_name if image_name in layout.pixels else split[-1].lower()
                    levels.add(domain, kind, image)
                warnings[:] = levels.warnings()
                encoded = map(encode_image, images)
                yield item.name, dict(zip(layout.image_names, encoded, strict=True))
        if not used:
            raise UserError(f"{root} has no usable image for {split}: {'; '.join(left_out)}")

    write(
        name=name,
        data_dir=data_dir,
        image_names=layout.image_names,
        png=all(map(is_png, layout.pixels.values())),
        splits={split: Split(len(items[split]), partial(read, split)) for split in items},
        metadata={"left_out": left_out, "warnings": warnings},
    )


def fingerprint(files: Iterable[Path], use: str = "") -> str:
    """Return a short text that changes with the names, sizes or times of files, and their use."""
    digest = hashlib.sha256(use.encode())
    for file in files:
        status = file.stat()
        digest.update(f"{file.resolve()}\0{status.st_size}\0{status.st_mtime_ns}\0".encode())
    return digest.hexdigest()[:16]


def visible_files(folder: Path) -> list[Path]:
    """Return the files below a folder, sorted by path; hidden files and folders do not count."""
    files = (file for file in folder.rglob("*") if file.is_file())
    return sorted(
        file
        for file in files
        if not any(part.startswith(".") for part in file.relative_to(folder).parts)
    )


def is_png(pixels: Pixels) -> bool:
    """Return whether images of a kind are kept as PNG."""
    return pixels.channels == 3 and pixels.dtype == "uint8"


@contextmanager
def _naming(file: Path) -> Iterator[None]:
    """Name the file in the message of an ImageError."""
    try:
        yield
    except ImageError as error:
        raise ImageError(f"{file.parent.name}/{file.name}: {error}") from error


def read_file(file: Path, pixels: Pixels) -> Pixelated:
    """Read an image with the channels of a kind, as deep as the file is.

    Raises:
        ImageError: If that fails; the message names the file.
    """
    with _naming(file):
        return read_image(file, pixels.channels, pixels.nodata)


def read_one(item: Item) -> list[Pixelated]:
    """Read the image of an item that has one.

    Raises:
        ImageError: If that fails; the message names the file.
    """
    return [read_file(item.files[0], item.pixels[0])]


def _convert(file: Path, kind: Pixels, image: Pixelated) -> Pixelated:
    """Return an image as deep as its kind is.

    Raises:
        ImageError: If it is not of this kind; the message names the file.
    """
    with _naming(file):
        converted = kind.convert(image)
        kind.check_range(converted)
        return converted
