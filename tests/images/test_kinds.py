"""Values and [-1, 1]."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.errors import ImageError
from jaxgan.images.kinds import RGB, ImageKind


def test_bytes_and_back_is_the_identity():
    values = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    images = RGB.normalize(jnp.asarray(values))
    assert images.min() == -1
    assert images.max() == 1
    np.testing.assert_allclose(images, values / 127.5 - 1, atol=1e-7)
    np.testing.assert_array_equal(RGB.denormalize(np.asarray(images)), values)


def test_sixteen_bits_and_back_is_the_identity():
    values = np.arange(0, 2**16, dtype=np.uint16)
    kind = ImageKind(dtype="uint16")
    np.testing.assert_array_equal(kind.denormalize(np.asarray(kind.normalize(values))), values)


def test_a_declared_range_becomes_minus_one_to_one():
    metres = ImageKind(channels=1, dtype="float32", value_range=(0, 80))
    np.testing.assert_allclose(metres.normalize(np.array([0, 40, 80, 120])), [-1, 0, 1, 2])
    np.testing.assert_allclose(metres.denormalize(np.array([-1.0, 0.5])), [0, 60])
    scan = ImageKind(channels=1, dtype="uint16", value_range=(0, 4095))
    np.testing.assert_allclose(scan.normalize(np.array([0, 4095], np.uint16)), [-1, 1])
    np.testing.assert_array_equal(scan.denormalize(np.array([-1.1, 1.0])), [0, 4095])


def test_values_are_rounded_and_cut_off():
    np.testing.assert_array_equal(
        RGB.denormalize(np.array([-2.0, -1.0, 0.0, 1.0, 2.0])), [0, 0, 128, 255, 255]
    )


def test_depths_are_converted():
    wide = np.array([0, 257, 65535 - 257, 65535], np.uint16)
    np.testing.assert_array_equal(RGB.convert(wide), [0, 1, 254, 255])
    np.testing.assert_array_equal(
        ImageKind(dtype="uint16").convert(np.uint8([0, 1, 255])), wide[[0, 1, 3]]
    )
    as_floats = ImageKind(dtype="float32", value_range=(0, 1)).convert(wide)
    np.testing.assert_array_equal(as_floats, wide.astype(np.float32))
    with pytest.raises(ImageError, match="holds floats: set dtype=float32"):
        RGB.convert(np.zeros(3, np.float32))


@pytest.mark.parametrize(
    ("kind", "within", "beyond", "message"),
    [
        ((np.float32, (0, 80)), [0, 80], [-9999, 78.5], "from -9999.0 to 78.5, .* 0 80: .*NaN"),
        ((np.float32, (0.1, 0.3)), [0.1, 0.3], [0.1, 0.30001], "to 0.30001, .* 0.1 0.3: "),
        ((np.uint16, (0, 4095)), [0, 4095], [7, 4096], "from 7 to 4096, .* 0 4095: widen it or"),
        ((np.uint8, (2.5, 15.9)), [2, 16], [1, 16], "from 1 to 16, .* 2.5 15.9: "),  # scaled
    ],
)
def test_values_beyond_a_declared_range_are_an_error(kind, within, beyond, message):
    dtype, value_range = kind
    pixels = ImageKind(dtype=np.dtype(dtype).name, value_range=value_range)
    pixels.check_range(np.array(within, dtype))
    with pytest.raises(ImageError, match=message):
        pixels.check_range(np.array(beyond, dtype))


def test_without_a_declared_range_all_integers_are_within():
    RGB.check_range(np.array([0, 255], np.uint8))
    ImageKind(dtype="uint16").check_range(np.array([0, 65535], np.uint16))


def test_nodata_is_a_float_within_the_range():
    assert ImageKind(dtype="float32", value_range=(0, 80), nodata=0).nodata == 0
    with pytest.raises(ValueError, match="nodata needs dtype=float32"):
        ImageKind(nodata=0)
    with pytest.raises(ValueError, match="nodata must be within value_range"):
        ImageKind(dtype="float32", value_range=(0, 80), nodata=-9999)


def test_floats_need_a_range():
    with pytest.raises(ValueError, match="need a value_range"):
        ImageKind(dtype="float32")
    with pytest.raises(ValueError, match="must be below"):
        ImageKind(value_range=(1, 1))
    with pytest.raises(ValueError, match="channels"):
        ImageKind(channels=0)
