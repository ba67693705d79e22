"""Your own images, from a folder."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from jaxgan.data.prepared import shorten
from jaxgan.data.sources.folder import (
    SPLITS,
    FileExample,
    Found,
    Layout,
    is_image,
    prepare_folder,
    read_one,
    relative_name,
    visible_files,
)
from jaxgan.errors import UserError
from jaxgan.files import printable
from jaxgan.images.kinds import RGB, ImageKind
from jaxgan.settings.resume import FREE
from jaxgan.types import Splits


@dataclass(frozen=True, kw_only=True)
class ImageFolder:
    """Your own images: all below `root`, or those below `root/train`, `root/val` and `root/test`.

    If all images are in folders with these names, the folders are splits. Otherwise they are
    classes. A folder below `root` or a split names the class of its images, for metrics that use
    classes.
    """

    root: str | None = field(default=None, metadata=FREE)
    """Folder that holds the images."""
    image: ImageKind = RGB
    """Kind of the images."""

    def kinds(self) -> Mapping[str, ImageKind]:
        return {"image": self.image}

    def prepare(self, data_dir: Path) -> Splits:
        return prepare_folder(self.root, data_dir, single_images(self.kinds()))


def single_images(kinds: Mapping[str, ImageKind]) -> Layout:
    """Return the layout of single images of this kind."""
    return Layout(("image",), kinds, partial(_find, kinds=tuple(kinds.values())), read_one)


def _find(root: Path, kinds: tuple[ImageKind, ...]) -> Found:
    splits = {split: root / split for split in SPLITS if (root / split).is_dir()}
    files = visible_files(root)
    places = {file: file.relative_to(root).parts[:-1] for file in files}
    elsewhere = (file for file, place in places.items() if not place or place[0] not in splits)
    if splits and not any(map(is_image, elsewhere)):
        found = {split: visible_files(folder) for split, folder in splits.items()}
        read_as = {}
    else:
        splits, found = {"train": root}, {"train": files}
        classes = [*dict.fromkeys(printable(place[0]) for place in places.values() if place)]
        of_classes = f", of classes {shorten(classes, ', ')}" if classes else ""
        read_as = {"train": f"all images{of_classes}"}
    items = {
        split: [FileExample(relative_name(file, splits[split]), (file,), kinds) for file in files]
        for split, files in found.items()
        if files
    }
    if "train" not in items:
        raise UserError(f"{splits.get('train', root / 'train')} has no images: put some there")
    return Found(items, read_as, {})
