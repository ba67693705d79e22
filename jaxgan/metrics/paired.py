"""Distances between images and their targets."""

from types import ModuleType

import numpy as np
from jaxtyping import Float

from jaxgan.errors import UserError

RANGE = 2.0  # from -1 to 1
WINDOW = 11  # Wang et al. 2004, section III.C: 11x11 with a standard deviation of 1.5
SIGMA = 1.5

Images = Float[np.ndarray, "batch height width channels"]
Values = Float[np.ndarray, " batch"]


def l1(x: Images, y: Images) -> Values:
    """Return the mean absolute difference of each pair of images of two batches in [-1, 1]."""
    return np.abs(np.subtract(x, y, dtype=np.float64)).mean(axis=(1, 2, 3))


def psnr(x: Images, y: Images) -> Values:
    """Return the peak signal-to-noise ratio of each pair of images in [-1, 1], in decibels.

    The ratio of equal images is infinite, and so is a mean that includes it. This is intended: a
    cap or an omission would make the mean arbitrary. A median is not affected.

    Raises:
        UserError: If scikit-image is not installed.
    """
    ratio = _scikit_image().peak_signal_noise_ratio
    with np.errstate(divide="ignore"):
        return np.array([ratio(*pair, data_range=RANGE) for pair in zip(x, y, strict=True)])


def ssim(x: Images, y: Images) -> Values:
    """Return the structural similarity of each pair of images of two batches in [-1, 1].

    Uses the settings of Wang et al. 2004, section III.C. Channels are averaged.

    Raises:
        UserError: If scikit-image is not installed, or an image is smaller than the window.
    """
    metrics = _scikit_image()
    _, height, width, _ = x.shape
    if min(height, width) < WINDOW:
        raise UserError(
            f"SSIM needs images of at least {WINDOW}x{WINDOW}, not {height}x{width}: leave it out"
        )

    def similarity(image_x, image_y):
        return metrics.structural_similarity(
            image_x.astype(np.float64),
            image_y.astype(np.float64),
            data_range=RANGE,
            channel_axis=-1,
            gaussian_weights=True,
            sigma=SIGMA,
            use_sample_covariance=False,
        )

    return np.array([similarity(*pair) for pair in zip(x, y, strict=True)])


def _scikit_image() -> ModuleType:
    try:
        import skimage.metrics
    except ImportError as error:
        raise UserError(
            'PSNR and SSIM need scikit-image: pip install "jaxgan[evaluate]"'
        ) from error
    return skimage.metrics
