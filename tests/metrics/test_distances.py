import itertools

import numpy as np
import pytest

from jaxgan.errors import UserError
from jaxgan.metrics.distances import (
    Gaussian,
    _estimate,
    fit_gaussian,
    frechet_distance,
    gaussian_distance,
    kernel_distance,
)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def samples(rng, mean, covariance, count=50):
    """Return random features with exactly this mean and covariance."""
    x = rng.standard_normal((count, len(mean)))
    x -= x.mean(axis=0)
    x = x @ np.linalg.inv(np.linalg.cholesky(np.cov(x, rowvar=False))).T
    return x @ np.linalg.cholesky(covariance).T + mean


def rotation(rng, dimension):
    return np.linalg.qr(rng.standard_normal((dimension, dimension)))[0]


def test_a_fitted_gaussian_has_the_mean_and_the_unbiased_covariance(rng):
    x = rng.standard_normal((6, 3)).astype(np.float32)
    fitted = fit_gaussian(x)
    np.testing.assert_allclose(fitted.mean, x.mean(axis=0, dtype=np.float64), rtol=1e-12)
    np.testing.assert_allclose(fitted.covariance, np.cov(x.astype(float), rowvar=False), rtol=1e-12)


def test_frechet_distance_of_commuting_covariances(rng):
    """|m - n|^2 + sum (sqrt a_i - sqrt b_i)^2, where a_i and b_i are their eigenvalues."""
    turn, a, b = rotation(rng, 4), np.array([1.0, 4, 9, 0.01]), np.array([4.0, 4, 1, 100])
    m, n = rng.standard_normal((2, 4))
    x, y = samples(rng, m, turn * a @ turn.T), samples(rng, n, turn * b @ turn.T, 70)
    expected = np.sum((m - n) ** 2) + np.sum((np.sqrt(a) - np.sqrt(b)) ** 2)
    assert frechet_distance(x, y) == pytest.approx(expected, rel=1e-10)


def test_frechet_distance_of_two_by_two_covariances(rng):
    """Of which tr sqrt(A B) is sqrt(tr(A B) + 2 sqrt(det A det B)), whether or not they commute."""
    a, b = np.array([[2.0, 1], [1, 1]]), np.array([[1.0, -0.5], [-0.5, 3]])
    root = np.sqrt(np.trace(a @ b) + 2 * np.sqrt(np.linalg.det(a) * np.linalg.det(b)))
    expected = np.trace(a) + np.trace(b) - 2 * root
    zero = np.zeros(2)
    assert frechet_distance(samples(rng, zero, a), samples(rng, zero, b)) == pytest.approx(
        expected, rel=1e-10
    )


@pytest.mark.parametrize("count", [2, 20, 300])
def test_frechet_distance_with_fewer_and_with_more_images_than_features(rng, count):
    """To itself, shifted, and scaled by 3 about its mean."""
    x = rng.standard_normal((count, 64)) * np.logspace(0, 3, 64)
    spread = np.trace(np.cov(x, rowvar=False))
    shift = rng.standard_normal(64)
    assert frechet_distance(x, x[::-1]) < 1e-9 * spread
    shifted = frechet_distance(x, x + 100 * shift)
    assert shifted == pytest.approx(1e4 * np.sum(shift**2), rel=1e-9, abs=1e-9 * spread)
    scaled = x.mean(axis=0) + 3 * (x - x.mean(axis=0))
    assert frechet_distance(x, scaled) == pytest.approx(4 * spread, rel=1e-9)


def test_frechet_distance_of_gaussians_that_share_no_dimension():
    flat = Gaussian(np.zeros(3), np.diag([5.0, 0, 0]))
    other = Gaussian(np.ones(3), np.diag([0.0, 2, 3]))
    point = Gaussian(np.zeros(3), np.zeros((3, 3)))
    assert gaussian_distance(flat, other) == pytest.approx(3 + 5 + 5)
    assert gaussian_distance(point, other) == pytest.approx(3 + 5)


def test_frechet_distance_of_few_images_that_share_no_direction(rng):
    """Rounding of the many eigenvalues that are zero must not add up."""
    turn = rotation(rng, 64)
    x = rng.standard_normal((20, 30)) @ turn[:30]
    y = rng.standard_normal((20, 30)) @ turn[30:60]
    expected = np.sum((x.mean(axis=0) - y.mean(axis=0)) ** 2)
    expected += x.var(axis=0, ddof=1).sum() + y.var(axis=0, ddof=1).sum()
    assert frechet_distance(x, y) == pytest.approx(expected, rel=1e-12)


def discrepancy(x, y):
    """The unbiased estimate of the squared MMD, term by term (Gretton et al. 2012, equation 3)."""

    def kernel(a, b):
        return (sum(i * j for i, j in zip(a, b, strict=True)) / len(a) + 1) ** 3

    def within(z):
        pairs = list(itertools.permutations(z.tolist(), 2))
        return sum(itertools.starmap(kernel, pairs)) / len(pairs)

    across = [kernel(a, b) for a in x.tolist() for b in y.tolist()]
    return within(x) + within(y) - 2 * sum(across) / len(across)


def test_kernel_distance_of_whole_sets(rng):
    x, y = rng.standard_normal((9, 3)), rng.standard_normal((9, 3)) + 0.5
    distance = kernel_distance(x.astype(np.float32), y)
    assert distance.mean == pytest.approx(discrepancy(x.astype(np.float32), y), rel=1e-6)
    assert kernel_distance(x, y, seed=1).mean == pytest.approx(discrepancy(x, y), rel=1e-12)


def test_kernel_distance_of_many_subsets_tends_to_that_of_all_images(rng):
    x, y = rng.uniform(-1, 1, (12, 3)), rng.uniform(0, 2, (10, 3))
    distance = kernel_distance(x, y, subset_size=9, subsets=1000)
    assert distance.mean == pytest.approx(discrepancy(x, y), rel=0.01)
    assert kernel_distance(x, y, subset_size=9, subsets=1000) == distance
    assert kernel_distance(x, y, subset_size=9, subsets=1000, seed=1) != distance


def test_variance_is_estimated_without_bias():
    """Over all sets of 4 images each, out of 2 and 3 equally frequent ones, it is exact."""
    p, q = np.array([[0.0, 1], [2, -1]]), np.array([[1.0, 1], [0, 0.5], [-1, 3]])
    estimates = np.array(
        [
            _estimate(p[list(i)], q[list(j)], 4, 4)
            for i in itertools.product(range(2), repeat=4)
            for j in itertools.product(range(3), repeat=4)
        ]
    )
    distances, singles, pairs = estimates.T
    assert np.mean(singles + pairs) == pytest.approx(np.var(distances), rel=1e-9)


@pytest.mark.parametrize(("shift", "most"), [(1, 1.1), (0, 1.3)])
def test_standard_error_is_the_spread_over_other_images(rng, shift, most):
    """Of subsets that overlap, and of sets that differ in size; too large rather than too small."""
    distances = [
        kernel_distance(
            rng.uniform(-1, 1, (30, 2)),
            rng.uniform(-1, 1, (20, 2)) + shift,
            subset_size=10,
            subsets=6,
        )
        for _ in range(600)
    ]
    means, errors = np.array(distances).T
    assert 0.95 < np.sqrt(np.mean(errors**2)) / np.std(means) < most


def test_too_few_images_are_refused():
    few, many = np.ones((1, 3)), np.ones((8, 3))
    with pytest.raises(UserError, match="at least two images in each set, not 1"):
        frechet_distance(many, few)
    with pytest.raises(UserError, match="at least 4 images in each set and subset, not 3"):
        kernel_distance(many, many, subset_size=3)
