"""Own images of two domains that are no pairs, from folders."""

from dataclasses import dataclass
from pathlib import Path

from jaxgan.data.folder import Item, Layout, prepare_folder, read_file, visible_files
from jaxgan.errors import UserError
from jaxgan.types import Splits


@dataclass(frozen=True, kw_only=True)
class UnpairedFolder:
    """Own images: `root/trainA` and `root/trainB`, and optionally `root/testA` and `root/testB`."""

    root: str | None = None
    """Folder that holds trainA and trainB."""

    def prepare(self, data_dir: Path) -> Splits:
        """See `DomainSource.prepare`."""
        return prepare_folder(self.root, data_dir, DOMAINS)


def _find(root: Path) -> tuple[dict[str, list[Item]], dict[Path, str]]:
    domains: dict[str, list[Item]] = {}
    for split in ("trainA", "trainB", "testA", "testB"):
        files = visible_files(root / split)
        if files:
            names = [str(file.relative_to(root / split)) for file in files]
            domains[split] = [Item(name, (file,)) for name, file in zip(names, files, strict=True)]
    for split in ("trainA", "trainB"):
        if split not in domains:
            raise UserError(
                f"{root} has no images in {split}: put those of the two domains into "
                f"{root / 'trainA'} and {root / 'trainB'}"
            )
    return domains, {}


DOMAINS = Layout(image_names=("image",), find=_find, read=lambda files: [read_file(files[0])])
