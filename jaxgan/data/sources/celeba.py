"""Faces of the CelebA data set (Liu et al. 2015)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from jaxgan.data.sources.download import prepare_archive_file
from jaxgan.data.sources.folder import prepare_folder
from jaxgan.data.sources.image_folder import single_images
from jaxgan.errors import UserError
from jaxgan.images.kinds import RGB_IMAGE, ImageKind
from jaxgan.settings.resume import FREE
from jaxgan.types import Splits

PAGE = "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"


@dataclass(frozen=True, kw_only=True)
class CelebA:
    """The aligned and cropped faces, 178x218, from a local file or folder."""

    archive: str | None = field(default=None, metadata=FREE)
    """The file img_align_celeba.zip."""
    root: str | None = field(default=None, metadata=FREE)
    """The extracted folder of that file, in place of the file."""

    def kinds(self) -> Mapping[str, ImageKind]:
        return RGB_IMAGE

    def prepare(self, data_dir: Path) -> Splits:
        if self.root is not None:
            return prepare_folder(self.root, data_dir, single_images(self.kinds()))
        if self.archive is None:
            raise UserError(
                "CelebA's download allows few people a day: get img_align_celeba.zip by hand from "
                f"{PAGE} and pass it as --config.data.archive=PATH/img_align_celeba.zip, or its "
                "extracted folder as --config.data.root=DIR"
            )
        return prepare_archive_file(self.archive, "celeba", data_dir, single_images(self.kinds()))
