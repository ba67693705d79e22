"""Finds images that use only part of their bit depth, such as 12-bit values in 16-bit files."""

import numpy as np

from jaxgan.images.files import RawImage
from jaxgan.images.kinds import ImageKind

# A data set whose values all fit into this many bits probably has a lower depth than its files: 10
# to 14 bits in 16-bit files, class numbers in 8-bit files. Dark photos use more of their 8 bits.
FEW_BITS = {"uint8": 4, "uint16": 14}


class Levels:
    """The highest values of a data set, by the name of the images and the depth of the files."""

    def __init__(self):
        self._highest: dict[tuple[str, ImageKind, str], int] = {}

    def add(self, name: str, kind: ImageKind, image: RawImage) -> None:
        """Add an image at the depth of its file, before it is converted to `kind`."""
        if kind.value_range is None and image.dtype != np.float32:
            key = name, kind, image.dtype.name
            self._highest[key] = max(self._highest.get(key, 0), int(image.max()))

    def warnings(self) -> list[str]:
        """Return one warning per name whose images are all almost black, with the remedy."""
        lines = []
        for (name, kind, depth), highest in self._highest.items():
            bits = highest.bit_length()
            if not 0 < bits <= FEW_BITS[depth]:
                continue
            path, full = f"--config.data.{name}", np.iinfo(depth).max
            deeper = kind.dtype == "uint8" and depth == "uint16"
            dtype = f"{path}.dtype uint16 " if deeper else ""
            scale = 1 if deeper else np.iinfo(kind.dtype).max // full
            lines.append(
                f"images {name} are almost black: no value is above {highest}, of {full} that "
                f"their files can hold; if they have {bits} bits, pass {dtype}{path}.value_range "
                f"0 {scale * (2**bits - 1)} (if not, 0 {scale * full})"
            )
        return lines
