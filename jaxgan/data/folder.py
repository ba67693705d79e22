"""Own pairs of images, from folders."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from jaxgan.data.builder import Examples, ImageBuilder, Split, open_or_prepare
from jaxgan.errors import UserError
from jaxgan.images import ImageError, encode_png, read_rgb
from jaxgan.types import Splits

SPLITS = ("train", "val", "test")


class Pair(NamedTuple):
    """One pair: a file that shows A left and B right, or a file each."""

    name: str
    files: tuple[Path, ...]


@dataclass(frozen=True, kw_only=True)
class PairedFolder:
    """Own images, in one of two layouts, each also with val and test in place of train.

    `root/train` holds pictures with A on the left and B on the right; or `root/trainA` and
    `root/trainB` hold images that belong together by file name, extension aside.
    """

    root: str | None = None
    """Folder that holds train, or trainA and trainB."""

    def prepare(self, data_dir: Path) -> Splits:
        """See `PairSource.prepare`."""
        if self.root is None:
            raise UserError("no images given: pass their folder as --config.data.root=DIR")
        return prepare_folder(Path(self.root).expanduser(), data_dir)


def prepare_folder(root: Path, data_dir: Path) -> Splits:
    """Prepare a folder in one of the layouts of `PairedFolder`; anew when its files change."""
    pairs, unmatched = find_pairs(root)
    files = [file for split in pairs.values() for pair in split for file in pair.files]
    name = f"paired_folder_{fingerprint([*files, *unmatched])}"
    return open_or_prepare(lambda: build_from_folder(root, data_dir, name), data_dir, name)


def build_from_folder(root: Path, data_dir: Path, name: str) -> None:
    """Write the pairs below `root` as data set `name`.

    Raises:
        UserError: If a split has no usable pair.
    """
    pairs, unmatched = find_pairs(root)
    left_out = [f"{file.relative_to(root)}: {reason}" for file, reason in unmatched.items()]

    def read(split: str) -> Examples:
        used = 0
        for pair in pairs[split]:
            try:
                a, b = _read_pair(pair.files)
            except ImageError as error:
                left_out.append(str(error))
            else:
                used += 1
                yield pair.name, {"a": encode_png(a), "b": encode_png(b)}
        if not used:
            raise UserError(f"{root} has no usable pair for {split}: {'; '.join(left_out)}")

    ImageBuilder(
        name=name,
        data_dir=data_dir,
        image_names=("a", "b"),
        splits={split: Split(len(pairs[split]), partial(read, split)) for split in pairs},
        left_out=left_out,
    ).download_and_prepare()


def find_pairs(root: Path) -> tuple[dict[str, list[Pair]], dict[Path, str]]:
    """Find the pairs of every split, sorted by name, and the files without a partner.

    Raises:
        UserError: If the folder has neither layout, or nothing to train on.
    """
    if not root.is_dir():
        raise UserError(f"there is no folder {root}")
    pairs: dict[str, list[Pair]] = {}
    unmatched: dict[Path, str] = {}
    for split in SPLITS:
        if (root / split).is_dir():
            found = [
                Pair(name, (file,)) for name, file in _by_name(root / split, unmatched).items()
            ]
        elif (root / f"{split}A").is_dir() and (root / f"{split}B").is_dir():
            a, b = (_by_name(root / f"{split}{side}", unmatched) for side in "AB")
            found = [Pair(name, (a[name], b[name])) for name in a if name in b]
            unmatched |= {a[name]: f"no partner in {split}B" for name in a if name not in b}
            unmatched |= {b[name]: f"no partner in {split}A" for name in b if name not in a}
        else:
            continue
        if found or split == "train":
            pairs[split] = found
    if not pairs.get("train"):
        reasons = "; ".join(f"{file.name}: {reason}" for file, reason in unmatched.items())
        raise UserError(
            f"{root} has no pairs to train on: put pictures with A left and B right into "
            f"{root / 'train'}, or A and B under the same names into {root / 'trainA'} and "
            f"{root / 'trainB'}" + (f" (left out: {reasons})" if reasons else "")
        )
    return pairs, unmatched


def fingerprint(files: Iterable[Path]) -> str:
    """Return a short text that changes with the names, sizes or times of files."""
    digest = hashlib.sha256()
    for file in files:
        status = file.stat()
        digest.update(f"{file.resolve()}\0{status.st_size}\0{status.st_mtime_ns}\0".encode())
    return digest.hexdigest()[:16]


def _by_name(folder: Path, unmatched: dict[Path, str]) -> dict[str, Path]:
    """Return a folder's files by their path without extension; hidden ones do not count."""
    files: dict[str, Path] = {}
    for file in sorted(folder.rglob("*")):
        if file.is_dir() or file.name.startswith("."):
            continue
        name = str(file.relative_to(folder).with_suffix(""))
        if name in files:
            unmatched[file] = f"has the same name as {files[name].name}"
        else:
            files[name] = file
    return files


def _read_pair(files: tuple[Path, ...]) -> tuple[Image.Image, Image.Image]:
    images = []
    for file in files:
        try:
            images.append(read_rgb(file))
        except ImageError as error:
            raise ImageError(f"{file.parent.name}/{file.name}: {error}") from error
    if len(images) == 2:
        return images[0], images[1]
    width, height = images[0].size
    if width % 2:
        file = files[0]
        raise ImageError(
            f"{file.parent.name}/{file.name}: is {width} pixels wide, an odd number, "
            "so it cannot be two pictures side by side"
        )
    half = width // 2
    return images[0].crop((0, 0, half, height)), images[0].crop((half, 0, width, height))
