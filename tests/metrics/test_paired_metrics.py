import json
import sys

import numpy as np
import pytest

from jaxgan.errors import UserError
from jaxgan.metrics.evaluate import to_json
from jaxgan.metrics.measures import PSNR, Chunk
from jaxgan.metrics.paired import l1, psnr, ssim


def draw(height=13, width=17):
    """Return two batches in [-1, 1]; the second is the first with some noise, and another image."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (2, height, width, 3)).astype(np.float32)
    noisy = (x[0] + rng.normal(0, 0.2, x[0].shape)).clip(-1, 1).astype(np.float32)
    return x, np.stack([noisy, x[1, ::-1]])


def test_l1_and_psnr_by_hand():
    x = np.zeros((2, 4, 5, 3), np.float32)
    y = np.stack([x[0] + 0.2, x[1]])
    y[1, 0, 0, 0] = 0.6  # one of 60 values
    np.testing.assert_allclose(l1(x, y), [0.2, 0.01], rtol=1e-6)
    np.testing.assert_allclose(psnr(x, y), [20, 10 * np.log10(4 * 60 / 0.36)], rtol=1e-6)


def test_equal_images():
    x, y = draw()
    y[1] = x[1]
    assert l1(x, y)[1] == 0
    assert psnr(x, y)[1] == np.inf
    assert np.isfinite(psnr(x, y)[0])
    assert ssim(x, y)[1] == pytest.approx(1, abs=1e-12)
    (result,) = PSNR.summarize([PSNR.see(Chunk(0, x, y, None))])
    assert (result.value, result.standard_error) == (np.inf, None)
    assert json.loads(to_json([result]))[0]["value"] is None


def similarity(x, y):
    """SSIM of two gray images, window by window (Wang et al. 2004, equations 13 to 16)."""
    offsets = np.arange(11) - 5
    window = np.exp(-(offsets**2 + offsets[:, None] ** 2) / (2 * 1.5**2))
    window /= window.sum()
    c1, c2 = (0.01 * 2) ** 2, (0.03 * 2) ** 2
    values = []
    for row in range(x.shape[0] - 10):
        for column in range(x.shape[1] - 10):
            a, b = (z[row : row + 11, column : column + 11].astype(float) for z in (x, y))
            mean_a, mean_b = np.sum(window * a), np.sum(window * b)
            a, b = a - mean_a, b - mean_b
            variance_a, variance_b = np.sum(window * a * a), np.sum(window * b * b)
            covariance = np.sum(window * a * b)
            values.append(
                (2 * mean_a * mean_b + c1)
                * (2 * covariance + c2)
                / ((mean_a**2 + mean_b**2 + c1) * (variance_a + variance_b + c2))
            )
    return np.mean(values)


def test_ssim_is_the_papers():
    x, y = draw()
    expected = [
        np.mean([similarity(a[..., channel], b[..., channel]) for channel in range(3)])
        for a, b in zip(x, y, strict=True)
    ]
    np.testing.assert_allclose(ssim(x, y), expected, rtol=1e-9)


def test_images_smaller_than_the_window_are_refused():
    assert ssim(*draw(11, 11)).shape == (2,)
    with pytest.raises(UserError, match="at least 11x11, not 10x32"):
        ssim(*draw(10, 32))


def test_without_scikit_image_ssim_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "skimage.metrics", None)
    with pytest.raises(UserError, match=r'pip install "jaxgan\[evaluate\]"'):
        ssim(*draw())
