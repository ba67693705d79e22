"""Fashion-MNIST: gray pictures of clothes, 28x28 (Xiao et al. 2017, arXiv 1708.07747)."""

import gzip
import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from jaxgan.data.prepared import open_or_prepare, write_arrays
from jaxgan.data.sources.download import download_data, recorded_sha256
from jaxgan.data.sources.folder import fingerprint
from jaxgan.errors import UserError
from jaxgan.images.kinds import ImageKind
from jaxgan.settings.resume import FREE
from jaxgan.types import Splits

FASHION_MNIST_HOST = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com"
GRAY_IMAGE = {"image": ImageKind(channels=1)}
MOST = 16 + 60_000 * 28 * 28  # bytes of a file
SPLITS = {"train": "train", "test": "t10k"}  # prefixes of the file names, by split


@dataclass(frozen=True, kw_only=True)
class FashionMNIST:
    """60,000 pictures to train on and 10,000 held out, of ten classes."""

    root: str | None = field(default=None, metadata=FREE)
    """Folder of the four original files (Debian's is /usr/share/datasets/fashion-mnist)."""
    mirror: str = field(default=FASHION_MNIST_HOST, metadata=FREE)
    """Base URL of the four files."""

    def kinds(self) -> Mapping[str, ImageKind]:
        return GRAY_IMAGE

    def prepare(self, data_dir: Path) -> Splits:
        if self.root is None:
            build = partial(self._download_and_build, data_dir)
            return open_or_prepare(build, data_dir, "fashion_mnist_png", source=self.mirror)
        folder = Path(self.root).expanduser()
        files = [folder / name for prefix in SPLITS.values() for name in _names(prefix)]
        if missing := [file for file in files if not file.is_file()]:
            raise UserError(f"there is no file {missing[0]}: it is one of Fashion-MNIST's four")
        name = f"fashion_mnist_{fingerprint(files)}"
        build = partial(_build, folder, data_dir, name)
        return open_or_prepare(build, data_dir, name, source=str(folder.absolute()))

    def _download_and_build(self, data_dir: Path) -> None:
        folder = data_dir / "downloads" / "fashion_mnist"
        for prefix in SPLITS.values():
            for name in _names(prefix):
                download_data(
                    f"{self.mirror.rstrip('/')}/{name}",
                    recorded_sha256("fashion_mnist", f"{FASHION_MNIST_HOST}/{name}"),
                    folder,
                    instead="the folder of all four files as --config.data.root=DIR",
                )
        _build(folder, data_dir, "fashion_mnist_png")


def _names(prefix: str) -> tuple[str, str]:
    return f"{prefix}-images-idx3-ubyte.gz", f"{prefix}-labels-idx1-ubyte.gz"


def _build(folder: Path, data_dir: Path, name: str) -> None:
    arrays = {}
    for split, prefix in SPLITS.items():
        images, labels = (_read_idx(folder / file) for file in _names(prefix))
        if images.shape != (*labels.shape, 28, 28):
            raise UserError(f"{folder / _names(prefix)[0]} does not hold 28x28 pixels a label")
        arrays[split] = (images[..., None].repeat(3, axis=-1), labels)
    write_arrays(arrays, data_dir, name)


def _read_idx(file: Path) -> UInt8[np.ndarray, "*shape"]:
    """Read a file of bytes in MNIST's IDX format: magic number, sizes, values.

    Raises:
        UserError: If it is damaged.
    """
    try:
        with gzip.open(file) as opened:
            content = opened.read(MOST + 1)
        axes = content[3]
        shape = tuple(map(int, np.frombuffer(content, ">u4", count=axes, offset=4)))
        if content[:3] != b"\0\0\x08" or len(content) != 4 + 4 * axes + math.prod(shape):
            raise ValueError("it has another format or length")
    except (OSError, EOFError, zlib.error, ValueError, IndexError) as error:
        raise UserError(f"{file} is damaged ({error}): get it again") from error
    return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape)
