"""Normalizing, against what it means, differentiated automatically."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.networks.layers.norms import normalize, plain

SHAPES = [(2, 8, 8, 5), (1, 5, 7, 3), (3, 1, 1, 4), (2, 64, 33, 2)]
SHAPES += [pytest.param((2, 67, 61, 17), marks=pytest.mark.slow)]


@pytest.mark.parametrize("per_image", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
def test_values_and_gradients_are_those_of_the_definition(shape, per_image):
    with jax.enable_x64(True):
        x, gradient = (
            jax.random.normal(jax.random.key(seed), shape, "float64") + seed for seed in (0, 1)
        )
        scale, bias = jax.random.normal(jax.random.key(2), (2, shape[-1]), "float64")
        ours, expected = (
            jax.vjp(lambda *operands, f=f: f(*operands, per_image), x, scale, bias)
            for f in (normalize, plain)
        )
        for values in zip(ours[0], expected[0], strict=True):
            np.testing.assert_allclose(*values, rtol=1e-13, atol=1e-13)
        none = jnp.zeros_like(ours[0][1])  # of mean and variance
        cotangent = (gradient, none, none)
        for gradients in zip(ours[1](cotangent), expected[1](cotangent), strict=True):
            np.testing.assert_allclose(*gradients, rtol=1e-12, atol=1e-12)
