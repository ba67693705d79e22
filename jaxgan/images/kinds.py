"""Kinds of images, and their conversion to and from [-1, 1]."""

import math
from dataclasses import dataclass
from typing import Any, Literal

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Shaped

from jaxgan.errors import ImageError
from jaxgan.settings.validation import require

PixelType = Literal["uint8", "uint16", "float32"]


@dataclass(frozen=True, kw_only=True)
class ImageKind:
    """Channels, depth and range of the values of one kind of image."""

    channels: int = 3
    """1 for gray, 3 for RGB, or any other number, as TIFF and .npy files hold them."""
    dtype: PixelType = "uint8"
    """Depth at which images are stored. Files of other integer depths are scaled to it."""
    value_range: tuple[float, float] | None = None
    """Values that map to -1 and 1; by default the full range of the integers. Images with values
    beyond them are left out."""
    nodata: float | None = None
    """Replacement for float pixels without data: NaN, and the value in GDAL's nodata tag of a TIFF.
    Images that hold NaN are left out if it is not set."""

    def __post_init__(self):
        require(self.channels >= 1, "channels must be at least 1")
        require(
            self.value_range is not None or self.dtype != "float32",
            "floats need a value_range: the values that become -1 and 1",
        )
        low, high = self.bounds
        # The bounds must differ in float32, too.
        distinct = np.subtract(high, low, dtype=np.float32) > 1e-9
        require(bool(distinct), "the first of value_range must be below the second")
        require(self.nodata is None or self.dtype == "float32", "nodata needs dtype=float32")
        require(
            self.nodata is None or low <= self.nodata <= high,
            "nodata must be within value_range",
        )

    @property
    def bounds(self) -> tuple[float, float]:
        """The values that map to -1 and 1."""
        return self.value_range or (0.0, float(np.iinfo(self.dtype).max))

    def normalize(self, images: Shaped[Any, "*shape"]) -> Float[Array, "*shape"]:
        """Map values to [-1, 1]; safe to `jit`."""
        low, high = self.bounds
        # For bytes this is x / 127.5 - 1, rounded as in the reference.
        return (jnp.asarray(images, jnp.float32) - low) / ((high - low) / 2) - 1

    def denormalize(self, images: Float[np.ndarray, "*shape"]) -> Shaped[np.ndarray, "*shape"]:
        """Map [-1, 1] to values; integers are rounded and clipped to the range of the dtype."""
        low, high = self.bounds
        values = (np.asarray(images, np.float64) + 1) * ((high - low) / 2) + low
        if self.dtype == "float32":
            return values.astype(np.float32)
        limits = np.iinfo(self.dtype)
        return np.clip(values, limits.min, limits.max).round().astype(self.dtype)

    def convert(self, image: Shaped[np.ndarray, "*shape"]) -> Shaped[np.ndarray, "*shape"]:
        """Convert an image to this depth.

        Integers are scaled to other integers, but converted to floats without scaling.

        Raises:
            ImageError: If floats would have to become integers.
        """
        if image.dtype == self.dtype:
            return image
        if self.dtype == "float32":
            return image.astype(np.float32)
        if image.dtype == np.float32:
            raise ImageError("holds floats: set dtype=float32 and their value_range")
        factor = np.iinfo(self.dtype).max / np.iinfo(image.dtype).max
        return (image * factor).round().astype(self.dtype)

    def check_range(self, image: Shaped[np.ndarray, "*shape"]) -> None:
        """Check that the values of an image at this depth are within `value_range`.

        Raises:
            ImageError: If they are not.
        """
        low, high = self.bounds
        least, most, hint = low, high, " (NaN can mark pixels without data, if nodata is set)"
        if self.dtype != "float32":  # the range may have been scaled from another depth
            least, most, hint = math.floor(low), math.ceil(high), ""
        if image.min() < least or image.max() > most:
            raise ImageError(
                f"holds values from {image.min()!s} to {image.max()!s}, outside of value_range "
                f"{low:g} {high:g}: widen it or correct them{hint}"
            )


RGB = ImageKind()
RGB_IMAGE = {"image": RGB}
RGB_DOMAINS = {"a": RGB, "b": RGB}
