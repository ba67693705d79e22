"""CIFAR-10: small photos of ten classes, 32x32 (Krizhevsky 2009)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from jaxgan.data.prepared import open_or_prepare, write_arrays
from jaxgan.data.sources.archive import open_archive
from jaxgan.data.sources.download import download_data, recorded_sha256
from jaxgan.data.sources.folder import fingerprint
from jaxgan.errors import UserError
from jaxgan.images.kinds import RGB_IMAGE, ImageKind
from jaxgan.settings.resume import FREE
from jaxgan.types import Splits

CIFAR10_HOST = "https://www.cs.toronto.edu/~kriz"
FILE = "cifar-10-binary.tar.gz"
BATCHES = {
    "train": [f"data_batch_{number}.bin" for number in range(1, 6)],
    "test": ["test_batch.bin"],
}
RECORD = 1 + 3 * 32 * 32  # bytes: the label, then the planes of red, green and blue
MOST = 10_000 * RECORD  # bytes of a file


@dataclass(frozen=True, kw_only=True)
class CIFAR10:
    """50,000 photos to train on and 10,000 held out, of ten classes."""

    archive: str | None = field(default=None, metadata=FREE)
    """The file cifar-10-binary.tar.gz, in place of a download."""
    mirror: str = field(default=CIFAR10_HOST, metadata=FREE)
    """Base URL of that file."""

    def kinds(self) -> Mapping[str, ImageKind]:
        return RGB_IMAGE

    def prepare(self, data_dir: Path) -> Splits:
        if self.archive is not None:
            file = Path(self.archive).expanduser()
            if not file.is_file():
                raise UserError(f"there is no file {file}, given as --config.data.archive")
            name = f"cifar10_{fingerprint([file])}"
            build = partial(_build, file, data_dir, name)
            return open_or_prepare(build, data_dir, name, source=str(file.absolute()))

        def download_and_build():
            file = download_data(
                f"{self.mirror.rstrip('/')}/{FILE}",
                recorded_sha256("cifar10", f"{CIFAR10_HOST}/{FILE}"),
                data_dir / "downloads" / "cifar10",
                instead=f"--config.data.archive=PATH/{FILE}",
            )
            _build(file, data_dir, name)

        name = "cifar10_png"
        return open_or_prepare(download_and_build, data_dir, name, source=self.mirror)


def _build(archive: Path, data_dir: Path, name: str) -> None:
    arrays = {}
    for split, files in BATCHES.items():
        records = _read(archive, files)
        images = records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        arrays[split] = (np.ascontiguousarray(images), records[:, 0])
    write_arrays(arrays, data_dir, name)


def _read(archive: Path, names: list[str]) -> UInt8[np.ndarray, "count bytes"]:
    """Return the records of the named files in an archive, one per row."""
    contents = {}
    with open_archive(archive, FILE) as members:
        for member in members:
            contents[member.name.rpartition("/")[2]] = member.content.read(MOST + 1)
        content = b"".join(contents[name] for name in names)
        return np.frombuffer(content, np.uint8).reshape(-1, RECORD)
