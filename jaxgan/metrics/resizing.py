"""Two ways to resize images for the Inception-v3 network, on which FID and KID depend much.

Parmar et al. 2022 (arXiv 2104.11222) compare them. Distances between features of differently
resized images mean nothing.
"""

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from jaxgan.networks.inception import SIZE


def tensorflow_bilinear(
    images: UInt8[np.ndarray, "batch height width channels"],
) -> Float[np.ndarray, "batch 299 299 channels"]:
    """Resize as the original FID does, and as torch-fidelity does.

    Bilinearly, without antialiasing, and as TensorFlow 1 had it: pixel i of the output lies at
    i * height / 299 of the input, where it should at (i + 1/2) * height / 299 - 1/2.

    Args:
        images: Images of any size.

    Returns:
        Images in 0..255, not rounded.
    """
    x = images.astype(np.float32)
    for axis in (2, 1):
        positions = np.arange(SIZE, dtype=np.float32) * np.float32(x.shape[axis] / SIZE)
        before = positions.astype(int)
        after = np.minimum(before + 1, x.shape[axis] - 1)
        part = (positions - before.astype(np.float32)).reshape(-1, *[1] * (3 - axis))
        low = x.take(before, axis)
        x = low + (x.take(after, axis) - low) * part
    return x


def clean_bicubic(
    images: UInt8[np.ndarray, "batch height width channels"],
) -> Float[np.ndarray, "batch 299 299 channels"]:
    """Resize as clean-fid does: bicubically, with antialiasing, by Pillow in floating point.

    Args:
        images: Images of any size.

    Returns:
        Images in 0..255, where they are cut off, but not rounded.
    """

    def resize(channel):
        image = Image.fromarray(channel.astype(np.float32))
        return np.asarray(image.resize((SIZE, SIZE), Image.Resampling.BICUBIC))

    resized = [[resize(channel) for channel in np.moveaxis(image, -1, 0)] for image in images]
    return np.moveaxis(np.array(resized), 1, -1).clip(0, 255)
