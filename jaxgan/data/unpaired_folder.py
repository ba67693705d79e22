"""Own images of two domains that are no pairs, from folders."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from jaxgan.data.folder import Item, Layout, prepare_folder, read_one, visible_files
from jaxgan.errors import UserError
from jaxgan.pixels import RGB, Pixels
from jaxgan.types import Splits


@dataclass(frozen=True, kw_only=True)
class UnpairedFolder:
    """Own images: `root/trainA` and `root/trainB`, and optionally `root/testA` and `root/testB`."""

    root: str | None = None
    """Folder that holds trainA and trainB."""
    a: Pixels = RGB
    """What the images A are."""
    b: Pixels = RGB
    """What the images B are."""

    def pixels(self) -> Mapping[str, Pixels]:
        """See `DomainSource.pixels`."""
        return {"a": self.a, "b": self.b}

    def prepare(self, data_dir: Path) -> Splits:
        """See `DomainSource.prepare`."""
        return prepare_folder(self.root, data_dir, domains(self.pixels()))


def domains(pixels: Mapping[str, Pixels]) -> Layout:
    """Return the layout of two domains `a` and `b` of these kinds."""
    return Layout(("image",), pixels, partial(_find, pixels=pixels), read_one)


def _find(
    root: Path, pixels: Mapping[str, Pixels]
) -> tuple[dict[str, list[Item]], dict[Path, str]]:
    items: dict[str, list[Item]] = {}
    for split in ("trainA", "trainB", "testA", "testB"):
        files = visible_files(root / split)
        if files:
            kind = (pixels[split[-1].lower()],)
            items[split] = [
                Item(str(file.relative_to(root / split)), (file,), kind) for file in files
            ]
    for split in ("trainA", "trainB"):
        if split not in items:
            raise UserError(
                f"{root} has no images in {split}: put those of the two domains into "
                f"{root / 'trainA'} and {root / 'trainB'}"
            )
    return items, {}
