"""Weights of published networks, which the user downloads."""

import hashlib
import shutil
from pathlib import Path
from typing import NamedTuple

import pooch

from jaxgan.errors import UserError
from jaxgan.files import replacing
from jaxgan.interop.torch_file import Tensors, read_tensors


class WeightsFile(NamedTuple):
    """A file of weights.

    Attributes:
        name: Name of the file.
        url: URL of the file.
        sha256: First digits of its SHA-256; file names of PyTorch contain them.
    """

    name: str
    url: str
    sha256: str


INCEPTION = WeightsFile(
    "pt_inception-2015-12-05-6726825d.pth",
    "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/"
    "pt_inception-2015-12-05-6726825d.pth",
    "6726825d",
)
ALEXNET = WeightsFile(
    "alexnet-owt-7be5be79.pth",
    "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
    "7be5be79",
)
LPIPS_HEADS = WeightsFile(
    "alex.pth",
    "https://github.com/richzhang/PerceptualSimilarity/raw/master/lpips/weights/v0.1/alex.pth",
    # from the authors' package on PyPI, lpips 0.1.4
    "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
)


def default_folder() -> Path:
    """Return the folder in which weights are cached."""
    return Path(pooch.os_cache("jaxgan")) / "weights"


def load_weights(
    weights: WeightsFile, *, given: Path | None = None, folder: Path | None = None
) -> Tensors:
    """Return the tensors of a file of weights.

    Args:
        weights: The file.
        given: Path of the file, which is then copied to the cache; None reads the cached copy.
        folder: Folder of cached weights, by default in the user's cache.

    Raises:
        UserError: If the file is missing or is another file. The message says where to get it and
            where to put it.
    """
    kept = (folder or default_folder()) / weights.name
    file = given.expanduser() if given else kept
    if not file.is_file():
        raise UserError(f"there is no file {file}: get it from {weights.url} and put it there")
    with file.open("rb") as opened:
        sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
    if not sha256.startswith(weights.sha256):
        raise UserError(
            f"{file} is damaged or another file, its SHA-256 does not begin with "
            f"{weights.sha256[:8]}: get it again from {weights.url}"
        )
    tensors = read_tensors(file)
    if file.resolve() != kept.resolve():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with file.open("rb") as source, replacing(kept) as target:
            shutil.copyfileobj(source, target)
    return tensors
