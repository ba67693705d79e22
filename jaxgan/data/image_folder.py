"""Own images from a folder."""

from dataclasses import dataclass
from pathlib import Path

from jaxgan.data.folder import Item, Layout, prepare_folder, read_file, visible_files
from jaxgan.errors import UserError
from jaxgan.types import Splits


@dataclass(frozen=True, kw_only=True)
class ImageFolder:
    """Own images: all below `root`, or those below `root/train` and `root/test` if these exist.

    A folder in between names the class of its images, for those who measure by classes.
    """

    root: str | None = None
    """Folder that holds the images."""

    def prepare(self, data_dir: Path) -> Splits:
        """See `ImageSource.prepare`."""
        return prepare_folder(self.root, data_dir, IMAGES)


def _find(root: Path) -> tuple[dict[str, list[Item]], dict[Path, str]]:
    splits = {split: root / split for split in ("train", "test") if (root / split).is_dir()}
    found = {
        split: [Item(str(file.relative_to(folder)), (file,)) for file in visible_files(folder)]
        for split, folder in (splits or {"train": root}).items()
    }
    if not found.get("train"):
        raise UserError(f"{splits.get('train', root)} has no images: put some there")
    return {split: items for split, items in found.items() if items}, {}


IMAGES = Layout(image_names=("image",), find=_find, read=lambda files: [read_file(files[0])])
