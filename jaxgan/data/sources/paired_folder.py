"""Your own pairs of images, from folders."""

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
    """Your own pairs of images, in one of two layouts; val and test work like train.

    `root/train` holds pictures with A on the left and B on the right; or `root/trainA` and
    `root/trainB` hold images that are matched by file name without extension. These two may also be
    `root/train/A` and `root/train/B`, or `root/train/a` and `root/train/b`.
    """

    root: str | None = field(default=None, metadata=FREE)
    """Folder that holds train, or trainA and trainB."""
    a: ImageKind = RGB
    """Kind of the images A."""
    b: ImageKind = RGB
    """Kind of the images B."""

    def kinds(self) -> Mapping[str, ImageKind]:
        return {"a": self.a, "b": self.b}

    def prepare(self, data_dir: Path) -> Splits:
        return prepare_folder(self.root, data_dir, paired_layout(self.kinds()))


def paired_layout(kinds: Mapping[str, ImageKind]) -> Layout:
    """Return the layout of pairs `a` and `b` of these kinds."""
    return Layout(("a", "b"), kinds, partial(_find, kinds=tuple(kinds.values())), _read)


def _find(root: Path, kinds: tuple[ImageKind, ...]) -> Found:
    found = Found({}, {}, {})
    for split in SPLITS:
        folder, (a, b) = root / split, domain_folders(root, split)
        files = visible_files(folder)
        halves = [file for file in files if file.relative_to(folder).parts[0] in [*"ABab"]]
        if len(halves) < len(files) and a.parent != folder:
            found.left_out.update(dict.fromkeys(halves, "the folder of the other half is missing"))
            pictures = (file for file in files if file not in found.left_out)
            named = _by_name(folder, pictures, found.left_out)
            items = [FileExample(name, (file,), kinds) for name, file in named.items()]
            read_as = f"pictures in {split}, A left and B right"
        elif a.is_dir() and b.is_dir():
            items = _match(root, a, b, kinds, found.left_out)
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
    root: Path, a: Path, b: Path, kinds: tuple[ImageKind, ...], left_out: dict[Path, str]
) -> list[FileExample]:
    """Return the pairs from two folders, and add files without a partner to `left_out`."""
    in_a, in_b = (_by_name(side, visible_files(side), left_out) for side in (a, b))
    for files, others, other in ((in_a, in_b, b), (in_b, in_a, a)):
        reason = f"no partner in {relative_name(other, root)}"
        left_out.update({files[name]: reason for name in files if name not in others})
    return [FileExample(name, (in_a[name], in_b[name]), kinds) for name in in_a if name in in_b]


def _by_name(folder: Path, files: Iterable[Path], left_out: dict[Path, str]) -> dict[str, Path]:
    """Return files by their path without extension, and add duplicates to `left_out`."""
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
