"""Distances between two sets of images, computed from features of each image: FID and KID."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from jaxgan.errors import UserError

FeatureArray = Float[np.ndarray, "_ features"]


class Gaussian(NamedTuple):
    """The normal distribution fitted to a set of features."""

    mean: Float[np.ndarray, " features"]
    covariance: Float[np.ndarray, "features features"]


class KernelDistance(NamedTuple):
    """A kernel distance and its standard error, see `kernel_distance`."""

    mean: float
    standard_error: float


def frechet_distance(x: FeatureArray, y: FeatureArray) -> float:
    """Return the Fréchet distance of two sets of features (Heusel et al. 2017, equation 6).

    With the 2048 features of Inception-v3 this is FID. It is larger for fewer images, so compare
    only distances of equal numbers of images.

    Args:
        x: Features of the images of one set.
        y: Features of the images of the other set.

    Raises:
        UserError: If a set has fewer than two images.
    """
    return gaussian_distance(fit_gaussian(x), fit_gaussian(y))


def fit_gaussian(x: FeatureArray) -> Gaussian:
    """Return the mean and the unbiased covariance of features in float64.

    Raises:
        UserError: If there are fewer than two images.
    """
    if len(x) < 2:
        raise UserError(f"FID needs at least two images in each set, not {len(x)}")
    x = np.asarray(x, np.float64)
    mean = x.mean(axis=0)
    centered = x - mean
    return Gaussian(mean, centered.T @ centered / (len(x) - 1))


def gaussian_distance(x: Gaussian, y: Gaussian) -> float:
    """Return the Fréchet distance of two normal distributions (Dowson and Landau 1982).

    The trace of the square root of the covariances' product is the sum of the singular values of
    A^T B, where A A^T and B B^T are the covariances. This holds for covariances of any rank.
    """
    a, b = _factor(x.covariance), _factor(y.covariance)
    overlap = np.linalg.svd(a.T @ b, compute_uv=False).sum()
    spread = np.trace(x.covariance) + np.trace(y.covariance) - 2 * overlap
    return max(float(np.sum((x.mean - y.mean) ** 2) + spread), 0.0)


def _factor(covariance: Float[np.ndarray, "features features"]) -> Float[np.ndarray, "features _"]:
    """Return A of full column rank such that A A^T is the covariance."""
    values, vectors = np.linalg.eigh(covariance)
    # Smaller values are rounding errors, whose square roots would not be negligible.
    kept = values > values.max() * len(values) * np.finfo(np.float64).eps
    return vectors[:, kept] * np.sqrt(values[kept])


def kernel_distance(
    x: FeatureArray, y: FeatureArray, *, subset_size: int = 1000, subsets: int = 100, seed: int = 0
) -> KernelDistance:
    r"""Return the kernel distance of two sets of features (Bińkowski et al. 2018, section 4).

    With the 2048 features of Inception-v3 this is KID. It is the mean, over random subsets, of the
    unbiased estimate of the squared maximum mean discrepancy with the kernel (x·y / d + 1)^3, and
    can be negative.

    The standard error refers to the distance between the distributions that the images are drawn
    from: it estimates the standard deviation of the result over repetitions with new images. The
    standard deviation over subsets, which is often reported, does not estimate this, because the
    subsets overlap. Divided by the square root of the number of subsets, it is only the error from
    drawing the subsets, which tends to zero as their number grows. The squared standard error is
    the sum of the square of that error and the variance of the estimate from all images, which is

        4 Var f / n + 4 Var g / m + 2 Var k_xx / (n (n - 1)) + 2 Var k_yy / (m (m - 1))
            + 4 Var k_xy / (n m)

    for n and m images, by Hoeffding's decomposition of U-statistics (1948): f and g are the average
    contribution of one image, and k_xx, k_yy and k_xy the additional contribution of a pair. The
    variances are estimated without bias on every subset, then averaged. A negative estimate of the
    first two terms counts as zero, so the standard error tends to be too large for equal
    distributions.

    Args:
        x: Features of the images of one set.
        y: Features of the images of the other set.
        subset_size: Maximum number of images of each set in a subset; Bińkowski et al. use 1000.
        subsets: Number of subsets; only one is used if it contains both sets entirely.
        seed: Seed of the subsets.

    Raises:
        UserError: If a subset would have fewer than 4 images.
    """
    size = min(subset_size, len(x), len(y))
    if size < 4:
        raise UserError(f"KID needs at least 4 images in each set and subset, not {size}")
    if size == len(x) == len(y):
        subsets = 1
    rng = np.random.default_rng(seed)
    estimates = []
    for _ in range(subsets):
        subset_x, subset_y = (
            rng.choice(z, size, replace=False, shuffle=False).astype(np.float64) for z in (x, y)
        )
        estimates.append(_estimate(subset_x, subset_y, len(x), len(y)))
    mean, singles, pairs = np.mean(estimates, axis=0)
    drawing = (
        np.var([estimate[0] for estimate in estimates], ddof=1) / subsets if subsets > 1 else 0
    )
    return KernelDistance(float(mean), float(np.sqrt(max(singles, 0) + pairs + drawing)))


def _estimate(
    x: Float[np.ndarray, "size features"],
    y: Float[np.ndarray, "size features"],
    count_x: int,
    count_y: int,
) -> tuple[float, float, float]:
    """Return the estimate from a subset, and the variance of the estimate from all images.

    The variance has two parts: that of single images, whose estimate can be negative, and that of
    pairs.
    """
    size, dimension = x.shape
    xx, yy, xy = ((a @ b.T / dimension + 1) ** 3 for a, b in ((x, x), (y, y), (x, y)))
    np.fill_diagonal(xx, 0)
    np.fill_diagonal(yy, 0)
    distance = (xx.sum() + yy.sum()) / (size * (size - 1)) - 2 * xy.mean()
    pairs_xx, pairs_yy = _pair_variance(xx), _pair_variance(yy)
    residuals = xy - xy.mean(axis=0) - xy.mean(axis=1, keepdims=True) + xy.mean()
    pairs_xy = np.sum(residuals**2) / (size - 1) ** 2
    # Means over `size` partners still contain this share of the variance of pairs.
    singles_x = np.var(xx.sum(axis=1) / (size - 2) - xy.mean(axis=1), ddof=1)
    singles_x -= pairs_xx / (size - 2) + pairs_xy / size
    singles_y = np.var(yy.sum(axis=1) / (size - 2) - xy.mean(axis=0), ddof=1)
    singles_y -= pairs_yy / (size - 2) + pairs_xy / size
    singles = 4 * singles_x / count_x + 4 * singles_y / count_y
    pairs = 2 * pairs_xx / (count_x * (count_x - 1)) + 2 * pairs_yy / (count_y * (count_y - 1))
    return distance, singles, pairs + 4 * pairs_xy / (count_x * count_y)


def _pair_variance(kernel: Float[np.ndarray, "size size"]) -> float:
    """Return an unbiased estimate of the variance of a kernel beyond the effect of single images.

    This uses the U-centering of Székely and Rizzo 2014 (arXiv 1310.2926).

    Args:
        kernel: Kernel values of all pairs of images, with zeros on the diagonal.
    """
    size = len(kernel)
    rows = kernel.sum(axis=1) / (size - 2)
    centered = kernel - rows - rows[:, None] + kernel.sum() / ((size - 1) * (size - 2))
    np.fill_diagonal(centered, 0)
    return np.sum(centered**2) / (size * (size - 3))
