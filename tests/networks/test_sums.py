"""Sums over pixels, against NumPy's in double precision."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.networks.layers.sums import FOLD, SMALL_SUM, add_bias, total

# Small; added up in parts that leave nothing, and in parts that leave some pixels.
SHAPES = [(2, 8, 8, 5), (2, 256, 256, 3), (3, 67, 61, 17)]


def test_the_shapes_are_of_all_kinds():
    small, even, odd = ((np.prod(shape), np.prod(shape[1:3]) % FOLD) for shape in SHAPES)
    assert small[0] <= SMALL_SUM < min(even[0], odd[0])
    assert even[1] == 0 != odd[1]


@pytest.mark.parametrize("per_image", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
def test_sums_of_many_pixels_round_little(shape, per_image):
    x = np.asarray(1 + jax.random.normal(jax.random.key(0), shape))
    exact = x.sum(axis=(1, 2) if per_image else (0, 1, 2), dtype=np.float64, keepdims=True)
    np.testing.assert_allclose(jax.jit(total, static_argnums=1)(x, per_image), exact, rtol=2e-6)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_gradient_of_a_bias_is_the_sum_over_all_pixels(dtype):
    gradient = 1 + jax.random.normal(jax.random.key(0), SHAPES[2], dtype)
    bias = jnp.arange(17, dtype=dtype)
    y, vjp = jax.vjp(jax.jit(add_bias), jnp.zeros(gradient.shape, dtype), bias)
    np.testing.assert_array_equal(y, np.broadcast_to(bias, gradient.shape))
    x_gradient, bias_gradient = vjp(gradient)
    np.testing.assert_array_equal(x_gradient, gradient)
    exact = np.asarray(gradient, np.float64).sum(axis=(0, 1, 2))
    assert bias_gradient.dtype == dtype
    tolerance = {"float32": 2e-6, "bfloat16": 4e-3}[dtype]  # of rounding the result
    np.testing.assert_allclose(np.asarray(bias_gradient, np.float64), exact, rtol=tolerance)
