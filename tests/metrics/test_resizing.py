import numpy as np

from jaxgan.metrics.resizing import clean_bicubic, pytorch_bilinear, tensorflow_bilinear

SIZE = 299


def draw(height, width):
    return np.random.default_rng(0).integers(0, 256, (2, height, width, 3), np.uint8)


def test_as_tensorflow_1_pixels_lie_at_multiples_of_the_ratio():
    """A ramp therefore stays one, until past the last pixel, where it is level."""
    ramp = np.broadcast_to(np.arange(0, 250, 5, dtype=np.uint8).reshape(1, 1, 50, 1), (1, 7, 50, 1))
    expected = np.minimum(np.arange(SIZE) * 50 / SIZE, 49) * 5
    for images, axis in ((ramp, 2), (ramp.swapaxes(1, 2), 1)):
        resized = tensorflow_bilinear(images)
        lines = np.moveaxis(resized, axis, -1).reshape(-1, SIZE)
        np.testing.assert_allclose(lines, np.broadcast_to(expected, lines.shape), atol=1e-4)


def test_as_tensorflow_1_pixels_are_left_out_when_images_shrink():
    images = draw(2 * SIZE, 3 * SIZE)
    np.testing.assert_array_equal(tensorflow_bilinear(images), images[:, ::2, ::3])


def test_pytorch_bilinear_is_what_pytorch_computes():
    """Values of torch.nn.functional.interpolate, bilinear, align_corners=False, PyTorch 2.13."""
    resized = pytorch_bilinear(draw(40, 700))[0]
    for (row, column), expected in {
        (0, 0): (176.80937, 181.63377, 221.49332),
        (0, 298): (149.75647, 76.39905, 55.09070),
        (298, 0): (44.39967, 191.68394, 177.63211),
        (150, 77): (170.30031, 174.36861, 139.59711),
        (298, 298): (154.87451, 102.07910, 170.22986),
    }.items():
        np.testing.assert_allclose(resized[row, column], expected, atol=1e-4)


def bicubic(size):
    """Return the matrix that resizes an axis: Keys 1981 with a = -1/2, widened when shrinking."""
    ratio = size / SIZE
    centers = (np.arange(SIZE)[:, None] + 0.5) * ratio - 0.5
    t = np.abs(np.arange(size) - centers) / max(ratio, 1)
    near, far = 1.5 * t**3 - 2.5 * t**2 + 1, -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2
    weights = np.where(t < 1, near, np.where(t < 2, far, 0))
    return weights / weights.sum(axis=1, keepdims=True)


def test_clean_resizing_is_bicubic_and_antialiased():
    for images in (draw(40, 700), draw(700, 40)):
        resized = clean_bicubic(images)
        rows, columns = (bicubic(size) for size in images.shape[1:3])
        expected = np.einsum("yh,bhwc,xw->byxc", rows, images, columns, optimize=True)
        assert resized.dtype == np.float32
        assert expected.min() < 0
        assert expected.max() > 255
        np.testing.assert_allclose(resized, expected.clip(0, 255), atol=2e-3)


def test_images_of_the_right_size_stay_as_they_are():
    images = draw(SIZE, SIZE)
    for resize in (tensorflow_bilinear, pytorch_bilinear, clean_bicubic):
        np.testing.assert_array_equal(resize(images), images)
