"""Standardizing and its sums, against what they mean, differentiated automatically."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.networks.norms import EPSILON, standardize, total

SHAPES = [(2, 8, 8, 5), (1, 5, 7, 3), (3, 1, 1, 4), (2, 64, 33, 2)]


def plain(x, per_image):
    axes = (1, 2) if per_image else (0, 1, 2)
    mean, variance = (f(x, axis=axes, keepdims=True) for f in (jnp.mean, jnp.var))
    return (x - mean) / jnp.sqrt(variance + EPSILON), mean, variance


@pytest.mark.parametrize("per_image", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
def test_values_and_gradients_are_those_of_the_definition(shape, per_image):
    with jax.enable_x64(True):
        x, gradient = (
            jax.random.normal(jax.random.key(seed), shape, "float64") + seed for seed in (0, 1)
        )
        for ours, expected in zip(standardize(x, per_image), plain(x, per_image), strict=True):
            np.testing.assert_allclose(ours, expected, rtol=1e-13, atol=1e-13)
        ours, expected = (
            jax.vjp(lambda x, f=f: f(x, per_image)[0], x)[1](gradient)[0]
            for f in (standardize, plain)
        )
        np.testing.assert_allclose(ours, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("per_image", [True, False])
def test_sums_of_many_pixels_round_little(per_image):
    x = np.asarray(1 + jax.random.normal(jax.random.key(0), (2, 256, 256, 3)))
    exact = x.sum(axis=(1, 2) if per_image else (0, 1, 2), dtype=np.float64, keepdims=True)
    np.testing.assert_allclose(jax.jit(total, static_argnums=1)(x, per_image), exact, rtol=2e-6)
