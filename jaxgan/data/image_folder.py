"""Own images from a folder."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from jaxgan.data.folder import Item, Layout, prepare_folder, read_one, visible_files
from jaxgan.errors import UserError
from jaxgan.pixels import RGB, Pixels
from jaxgan.types import Splits


@dataclass(frozen=True, kw_only=True)
class ImageFolder:
    """Own images: all below `root`, or those below `root/train` and `root/test` if these exist.

    A folder in between names the class of its images, for those who measure by classes.
    """

    root: str | None = None
    """Folder that holds the images."""
    image: Pixels = RGB
    """What the images are."""

    def pixels(self) -> Mapping[str, Pixels]:
        """See `ImageSource.pixels`."""
        return {"image": self.image}

    def prepare(self, data_dir: Path) -> Splits:
        """See `ImageSource.prepare`."""
        return prepare_folder(self.root, data_dir, single_images(self.pixels()))


def single_images(pixels: Mapping[str, Pixels]) -> Layout:
    """Return the layout of single images of this kind."""
    return Layout(("image",), pixels, partial(_find, pixels=tuple(pixels.values())), read_one)


def _find(root: Path, pixels: tuple[Pixels, ...]) -> tuple[dict[str, list[Item]], dict[Path, str]]:
    splits = {split: root / split for split in ("train", "test") if (root / split).is_dir()}
    found = {
        split: [
            Item(str(file.relative_to(folder)), (file,), pixels) for file in visible_files(folder)
        ]
        for split, folder in (splits or {"train": root}).items()
    }
    if not found.get("train"):
        raise UserError(f"{splits.get('train', root)} has no images: put some there")
    return {split: items for split, items in found.items() if items}, {}
