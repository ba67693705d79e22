"""Own pairs of images, from folders."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from jaxgan.data.folder import Item, Layout, prepare_folder, read_file, visible_files
from jaxgan.errors import ImageError, UserError
from jaxgan.image_files import Pixelated
from jaxgan.pixels import RGB, Pixels
from jaxgan.types import Splits


@dataclass(frozen=True, kw_only=True)
class PairedFolder:
    """Own images, in one of two layouts, each also with val and test in place of train.

    `root/train` holds pictures with A on the left and B on the right; or `root/trainA` and
    `root/trainB` hold images that belong together by file name, extension aside.
    """

    root: str | None = None
    """Folder that holds train, or trainA and trainB."""
    a: Pixels = RGB
    """What the images A are."""
    b: Pixels = RGB
    """What the images B are."""

    def pixels(self) -> Mapping[str, Pixels]:
        """See `PairSource.pixels`."""
        return {"a": self.a, "b": self.b}

    def prepare(self, data_dir: Path) -> Splits:
        """See `PairSource.prepare`."""
        return prepare_folder(self.root, data_dir, pairs(self.pixels()))


def pairs(pixels: Mapping[str, Pixels]) -> Layout:
    """Return the layout of pairs `a` and `b` of these kinds."""
    return Layout(("a", "b"), pixels, partial(_find, pixels=tuple(pixels.values())), _read)


def _find(root: Path, pixels: tuple[Pixels, ...]) -> tuple[dict[str, list[Item]], dict[Path, str]]:
    pairs: dict[str, list[Item]] = {}
    unmatched: dict[Path, str] = {}
    for split in ("train", "val", "test"):
        if (root / split).is_dir():
            files = _by_name(root / split, unmatched)
            found = [Item(name, (file,), pixels) for name, file in files.items()]
        elif (root / f"{split}A").is_dir() and (root / f"{split}B").is_dir():
            a, b = (_by_name(root / f"{split}{side}", unmatched) for side in "AB")
            found = [Item(name, (a[name], b[name]), pixels) for name in a if name in b]
            unmatched |= {a[name]: f"no partner in {split}B" for name in a if name not in b}
            unmatched |= {b[name]: f"no partner in {split}A" for name in b if name not in a}
        else:
            continue
        if found:
            pairs[split] = found
    if "train" not in pairs:
        reasons = "; ".join(f"{file.name}: {reason}" for file, reason in unmatched.items())
        raise UserError(
            f"{root} has no pairs to train on: put pictures with A left and B right into "
            f"{root / 'train'}, or A and B under the same names into {root / 'trainA'} and "
            f"{root / 'trainB'}" + (f" (left out: {reasons})" if reasons else "")
        )
    return pairs, unmatched


def _by_name(folder: Path, unmatched: dict[Path, str]) -> dict[str, Path]:
    """Return a folder's files by their path without extension."""
    files: dict[str, Path] = {}
    for file in visible_files(folder):
        name = str(file.relative_to(folder).with_suffix(""))
        if name in files:
            unmatched[file] = f"has the same name as {files[name].name}"
        else:
            files[name] = file
    return files


def _read(item: Item) -> list[Pixelated]:
    if len(item.files) == 2:
        return list(map(read_file, item.files, item.pixels))
    (file,) = item.files
    left, right = (read_file(file, kind) for kind in item.pixels)
    width = left.shape[1]
    if width % 2:
        raise ImageError(
            f"{file.parent.name}/{file.name}: is {width} pixels wide, an odd number, "
            "so it cannot be two pictures side by side"
        )
    return [left[:, : width // 2], right[:, width // 2 :]]
