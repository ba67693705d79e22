"""Three ways to resize images for Inception-v3, which strongly affect FID and KID.

Parmar et al. 2022 (arXiv 2104.11222) compare them. Distances between features of images that were
resized differently are meaningless.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from jaxgan.metrics.networks.inception import SIZE

PIXELS = np.arange(SIZE, dtype=np.float32)  # of the output
HALF = np.float32(0.5)


def tensorflow_bilinear(
    images: UInt8[np.ndarray, "batch height width channels"],
) -> Float[np.ndarray, "batch 299 299 channels"]:
    """Resize as the original FID does, and as torch-fidelity does.

    Bilinear, without antialiasing, with the sampling of TensorFlow 1: pixel i of the output is at
    i * height / 299 of the input instead of (i + 1/2) * height / 299 - 1/2.

    Args:
        images: Images of any size.

    Returns:
        Images in 0..255, not rounded.
    """
    return _bilinear(images, lambda size: PIXELS * np.float32(size / SIZE))


def pytorch_bilinear(
    images: UInt8[np.ndarray, "batch height width channels"],
) -> Float[np.ndarray, "batch 299 299 channels"]:
    """Resize as pytorch-fid does, by `torch.nn.functional.interpolate`.

    Bilinear, without antialiasing. Pixel i of the output is at (i + 1/2) * height / 299 - 1/2 of
    the input (`align_corners=False`).

    Args:
        images: Images of any size.

    Returns:
        Images in 0..255, not rounded.
    """
    return _bilinear(images, lambda size: (PIXELS + HALF) * np.float32(size / SIZE) - HALF)


def clean_bicubic(
    images: UInt8[np.ndarray, "batch height width channels"],
) -> Float[np.ndarray, "batch 299 299 channels"]:
    """Resize as clean-fid does: bicubic, with antialiasing, by Pillow in floating point.

    Args:
        images: Images of any size.

    Returns:
        Images clipped to 0..255, not rounded.
    """

    def resize(channel):
        image = Image.fromarray(channel.astype(np.float32))
        return np.asarray(image.resize((SIZE, SIZE), Image.Resampling.BICUBIC))

    resized = [[resize(channel) for channel in np.moveaxis(image, -1, 0)] for image in images]
    return np.moveaxis(np.array(resized), 1, -1).clip(0, 255)


def _bilinear(
    images: UInt8[np.ndarray, "batch height width channels"],
    positions: Callable[[int], Float[np.ndarray, " 299"]],
) -> Float[np.ndarray, "batch 299 299 channels"]:
    """Interpolate between neighbors, at positions that depend on the size of the input."""
    x = images.astype(np.float32)
    for axis in (2, 1):
        at = positions(x.shape[axis]).clip(0, x.shape[axis] - 1)
        before = at.astype(int)
        after = np.minimum(before + 1, x.shape[axis] - 1)
        part = (at - before.astype(np.float32)).reshape(-1, *[1] * (3 - axis))
        low = x.take(before, axis)
        x = low + (x.take(after, axis) - low) * part
    return x
