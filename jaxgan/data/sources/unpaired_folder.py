"""Your own unpaired images of two domains, from folders."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from jaxgan.data.sources.folder import (
    SPLITS,
    FileExample,
    Found,
    Layout,
    domain_folders,
    outside,
    prepare_folder,
    read_one,
    relative_name,
    visible_files,
)
from jaxgan.errors import UserError
from jaxgan.images.kinds import RGB, ImageKind
from jaxgan.settings.resume import FREE
from jaxgan.types import Splits


@dataclass(frozen=True, kw_only=True)
class UnpairedFolder:
    """Your own images in `root/trainA` and `root/trainB`; val and test are optional.

    These two may also be `root/train/A` and `root/train/B`, or `root/train/a` and `root/train/b`.
    """

    root: str | None = field(default=None, metadata=FREE)
    """Folder that holds trainA and trainB."""
    a: ImageKind = RGB
    """Kind of the images A."""
    b: ImageKind = RGB
    """Kind of the images B."""

    def kinds(self) -> Mapping[str, ImageKind]:
        return {"a": self.a, "b": self.b}

    def prepare(self, data_dir: Path) -> Splits:
        return prepare_folder(self.root, data_dir, unpaired_layout(self.kinds()))


def unpaired_layout(kinds: Mapping[str, ImageKind]) -> Layout:
    """Return the layout of two domains `a` and `b` of these kinds."""
    return Layout(("image",), kinds, partial(_find, kinds=kinds), read_one)


def _find(root: Path, kinds: Mapping[str, ImageKind]) -> Found:
    found = Found({}, {}, {})
    for split in SPLITS:
        folders = domain_folders(root, split)
        found.left_out.update(outside(root, split, folders))
        for domain, folder in zip("AB", folders, strict=True):
            kind = (kinds[domain.lower()],)
            items = [
                FileExample(relative_name(file, folder), (file,), kind)
                for file in visible_files(folder)
            ]
            if items:
                found.items[f"{split}{domain}"] = items
                if folder.parent != root:
                    found.read_as[f"{split}{domain}"] = f"from {relative_name(folder, root)}"
    for domain in ("A", "B"):
        if f"train{domain}" not in found.items:
            raise UserError(
                f"{root} has no images in train{domain}: put those of the two domains into "
                f"{root / 'trainA'} and {root / 'trainB'}"
            )
    for name in found.items:
        other = name[:-1] + ("B" if name.endswith("A") else "A")
        if other not in found.items:
            found.read_as[name] = f"not used, as {other} is empty or missing"
    return found
