"""How far two sets of images lie apart, by the features of each image: FID and KID."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from jaxgan.errors import UserError

FeatureArray = Float[np.ndarray, "_ features"]


class Gaussian(NamedTuple):
    """The normal distribution that takes the place of a set of features."""

    mean: Float[np.ndarray, " features"]
    covariance: Float[np.ndarray, "features features"]


class KernelDistance(NamedTuple):
    """A kernel distance, and how far it is likely to be off, see `kernel_distance`."""

    mean: float
    standard_error: float


def frechet_distance(x: FeatureArray, y: FeatureArray) -> float:
    """Return the Fréchet distance of two sets of features (Heusel et al. 2017, equation 6).

    With 2048 features of Inception-v3 this is FID. It grows as images become fewer, so compare
    distances of equally many images only.

    Args:
        x: Features of the images of one set.
        y: Features of those of the other.

    Raises:
        UserError: If a set has fewer than two images.
    """
    return gaussian_distance(fit_gaussian(x), fit_gaussian(y))


def fit_gaussian(x: FeatureArray) -> Gaussian:
    """Return the mean and the unbiased covariance of features, in double precision.

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
    A^T B, where A A^T and B B^T are the covariances. That asks nothing of their rank.
    """
    a, b = _factor(x.covariance), _factor(y.covariance)
    overlap = np.linalg.svd(a.T @ b, compute_uv=False).sum()
    spread = np.trace(x.covariance) + np.trace(y.covariance) - 2 * overlap
    return max(float(np.sum((x.mean - y.mean) ** 2) + spread), 0.0)


def _factor(covariance: Float[np.ndarray, "features features"]) -> Float[np.ndarray, "features _"]:
    """Return A of full column rank with A A^T the covariance."""
    values, vectors = np.linalg.eigh(covariance)
    # What is below is rounding, whose square root would not be small.
    kept = values > values.max() * len(values) * np.finfo(np.float64).eps
    return vectors[:, kept] * np.sqrt(values[kept])


def kernel_distance(
    x: FeatureArray, y: FeatureArray, *, subset_size: int = 1000, subsets: int = 100, seed: int = 0
) -> KernelDistance:
    r"""Return the kernel distance of two sets of features (Bińkowski et al. 2018, section 4).

    With 2048 features of Inception-v3 this is KID. It is the mean, over random subsets, of the
    unbiased estimate of the squared maximum mean discrepancy with the kernel (x·y / d + 1)^3, and
    can be below zero.

    Its standard error is that of the distance between the distributions that the images are drawn
    from: it would be the spread of the outcome if all were done again with other images. The
    subsets overlap, so their standard deviation, which is often printed, does not tell that; nor
    does it divided by the square root of their number, which is the part that comes from drawing
    the subsets and tends to zero with ever more of them. The squared standard error is the sum of
    that part's square and of the variance of the estimate from all images. The latter is

        4 Var f / n + 4 Var g / m + 2 Var k_xx / (n (n - 1)) + 2 Var k_yy / (m (m - 1))
            + 4 Var k_xy / (n m)

    for n and m images, by Hoeffding's decomposition of U-statistics (1948): f and g are what one
    image adds on average, k_xx, k_yy and k_xy what a pair adds beyond. Each variance is estimated
    without bias on every subset, then averaged. An estimate of the first two below zero counts as
    zero, so that the standard error of equal distributions comes out rather too large.

    Args:
        x: Features of the images of one set.
        y: Features of those of the other.
        subset_size: Images of each set in a subset, at most; Bińkowski et al. take 1000.
        subsets: Number of subsets; where a subset is the whole of both sets, there is one.
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
    """Return the estimate from a subset, and the variance of one from so many images.

    The variance comes in two parts: that of single images, the estimate of which can be below zero,
    and that of pairs.
    """
    size, dimension = x.shape
    xx, yy, xy = ((a @ b.T / dimension + 1) ** 3 for a, b in ((x, x), (y, y), (x, y)))
    np.fill_diagonal(xx, 0)
    np.fill_diagonal(yy, 0)
    distance = (xx.sum() + yy.sum()) / (size * (size - 1)) - 2 * xy.mean()
    pairs_xx, pairs_yy = _pair_variance(xx), _pair_variance(yy)
    residuals = xy - xy.mean(axis=0) - xy.mean(axis=1, keepdims=True) + xy.mean()
    pairs_xy = np.sum(residuals**2) / (size - 1) ** 2
    # Means over `size` partners still hold so much of the pairs' variance.
    singles_x = np.var(xx.sum(axis=1) / (size - 2) - xy.mean(axis=1), ddof=1)
    singles_x -= pairs_xx / (size - 2) + pairs_xy / size
    singles_y = np.var(yy.sum(axis=1) / (size - 2) - xy.mean(axis=0), ddof=1)
    singles_y -= pairs_yy / (size - 2) + pairs_xy / size
    singles = 4 * singles_x / count_x + 4 * singles_y / count_y
    pairs = 2 * pairs_xx / (count_x * (count_x - 1)) + 2 * pairs_yy / (count_y * (count_y - 1))
    return distance, singles, pairs + 4 * pairs_xy / (count_x * count_y)


def _pair_variance(kernel: Float[np.ndarray, "size size"]) -> float:
    """Estimate without bias the variance of a kernel of two images beyond what each one adds.

    By the U-centering of Székely and Rizzo 2014 (arXiv 1310.2926).

    Args:
        kernel: The kernel of all pairs of images, with zeros on the diagonal.
    """
    size = len(kernel)
    rows = kernel.sum(axis=1) / (size - 2)
    centered = kernel - rows - rows[:, None] + kernel.sum() / ((size - 1) * (size - 2))
    np.fill_diagonal(centered, 0)
    return np.sum(centered**2) / (size * (size - 3))
