"""Own pairs of images, from folders."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from jaxgan.data.prepared import shorten
from jaxgan.data.sources.folder import (
    SPLITS,
    FileExample,
    Found,
    Layout,
    domain_folders,
    outside,
    prepare_folder,
    read_file,
    relative_name,
    visible_files,
)
from jaxgan.errors import ImageError, UserError
from jaxgan.files import printable
from jaxgan.images.files import RawImage
from jaxgan.images.kinds import RGB, ImageKind
from jaxgan.settings.resume import FREE
from jaxgan.types import Splits


@dataclass(frozen=True, kw_only=True)
class PairedFolder:
    """Own images, in one of two layouts, each also with val and test in place of train.

    `root/train` holds pictures with A on the left and B on the right; or `root/trainA` and
    `root/trainB` hold images that belong together by file name, extension aside. These two may also
    be `root/train/A` and `root/train/B`, or `root/train/a` and `root/train/b`.
    """

    root: str | None = field(default=None, metadata=FREE)
    """Folder that holds train, or trainA and trainB."""
    a: ImageKind = RGB
    """What the images A are."""
    b: ImageKind = RGB
    """What the images B are."""

    def kinds(self) -> Mapping[str, ImageKind]:
        """See `PairSource.pixels`."""
        return {"a": self.a, "b": self.b}

    def prepare(self, data_dir: Path) -> Splits:
        """See `PairSource.prepare`."""
        return prepare_folder(self.root, data_dir, paired_layout(self.kinds()))


def paired_layout(pixels: Mapping[str, ImageKind]) -> Layout:
    """Return the layout of pairs `a` and `b` of these kinds."""
    return Layout(("a", "b"), pixels, partial(_find, pixels=tuple(pixels.values())), _read)


def _find(root: Path, pixels: tuple[ImageKind, ...]) -> Found:
    found = Found({}, {}, {})
    for split in SPLITS:
        folder, (a, b) = root / split, domain_folders(root, split)
        files = visible_files(folder)
        halves = [file for file in files if file.relative_to(folder).parts[0] in [*"ABab"]]
        if len(halves) < len(files) and a.parent != folder:
            found.left_out.update(dict.fromkeys(halves, "the folder of the other half is missing"))
            pictures = (file for file in files if file not in found.left_out)
            named = _by_name(folder, pictures, found.left_out)
            items = [FileExample(name, (file,), pixels) for name, file in named.items()]
            read_as = f"pictures in {split}, A left and B right"
        elif a.is_dir() and b.is_dir():
            items = _match(root, a, b, pixels, found.left_out)
            found.left_out.update(outside(root, split, (a, b)))
            read_as = f"pairs from {relative_name(a, root)} and {relative_name(b, root)}"
        else:
            continue
        if items:
            found.items[split], found.read_as[split] = items, read_as
    if "train" not in found.items:
        reasons = [
            f"{relative_name(file, root)}: {reason}" for file, reason in found.left_out.items()
        ]
        raise UserError(
            f"{root} has no pairs to train on: put pictures with A left and B right into "
            f"{root / 'train'}, or A and B under the same names into {root / 'trainA'} and "
            f"{root / 'trainB'}" + (f" (left out: {shorten(reasons)})" if reasons else "")
        )
    return found


def _match(
    root: Path, a: Path, b: Path, pixels: tuple[ImageKind, ...], left_out: dict[Path, str]
) -> list[FileExample]:
    """Return the pairs of two folders, and note the files without a partner."""
    in_a, in_b = (_by_name(side, visible_files(side), left_out) for side in (a, b))
    for files, others, other in ((in_a, in_b, b), (in_b, in_a, a)):
        reason = f"no partner in {relative_name(other, root)}"
        left_out.update({files[name]: reason for name in files if name not in others})
    return [FileExample(name, (in_a[name], in_b[name]), pixels) for name in in_a if name in in_b]


def _by_name(folder: Path, files: Iterable[Path], left_out: dict[Path, str]) -> dict[str, Path]:
    """Return a folder's files by their path without extension."""
    named: dict[str, Path] = {}
    for file in files:
        name = relative_name(file.with_suffix(""), folder)
        if name in named:
            left_out[file] = f"has the same name as {printable(named[name].name)}"
        else:
            named[name] = file
    return named


def _read(item: FileExample) -> list[RawImage]:
    if len(item.files) == 2:
        return list(map(read_file, item.files, item.pixels))
    (file,) = item.files
    left, right = (read_file(file, kind) for kind in item.pixels)
    width = left.shape[1]
    if width % 2:
        raise ImageError(
            f"{file}: is {width} pixels wide, an odd number, "
            "so it cannot be two pictures side by side"
        )
    return [left[:, : width // 2], right[:, width // 2 :]]
