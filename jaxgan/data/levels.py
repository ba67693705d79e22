"""Finds images that use little of their depth, as 12 bits in files of 16 do."""

import numpy as np

from jaxgan.images.files import RawImage
from jaxgan.images.kinds import ImageKind

# Bits that a whole data set fills if its files hold other data than their depth says: 10 to 14 bits
# in 16, numbers of classes in 8. Dark pictures fill more of 8 bits.
FEW_BITS = {"uint8": 4, "uint16": 14}


class Levels:
    """The highest values of a data set, by the name of the images and the depth of the files."""

    def __init__(self):
        """Start without images."""
        self._highest: dict[tuple[str, ImageKind, str], int] = {}

    def add(self, name: str, kind: ImageKind, image: RawImage) -> None:
        """Take an image as deep as its file is, which is going to be of some kind."""
        if kind.value_range is None and image.dtype != np.float32:
            key = name, kind, image.dtype.name
            self._highest[key] = max(self._highest.get(key, 0), int(image.max()))

    def warnings(self) -> list[str]:
        """Return a line for all images of a name that are almost black, and what to do."""
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
