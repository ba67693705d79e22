"""Gradient penalties against their definition."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.methods.regularize import gradient_penalty, lazy_gradient_penalty
from jaxgan.networks.layers.compute import Compute
from jaxgan.networks.patchgan import PatchGAN

IMAGES = jax.random.normal(jax.random.key(0), (3, 4, 5, 2))


def test_the_penalty_is_half_the_squared_norm_of_the_gradient():
    weights = jax.random.normal(jax.random.key(1), (1, *IMAGES.shape[1:]))
    judge = lambda images: jnp.sum(images**2 * weights, axis=(1, 2, 3))  # noqa: E731
    expected = jnp.sum((2 * IMAGES * weights) ** 2, axis=(1, 2, 3)).mean() / 2
    np.testing.assert_allclose(gradient_penalty(judge, IMAGES), expected, rtol=1e-5)


def test_the_output_for_an_image_is_the_mean_over_its_patches():
    patches = lambda images: 3 * images[..., :1]  # noqa: E731
    # Each of the 20 pixels of an image has the gradient 3 / 20.
    np.testing.assert_allclose(gradient_penalty(patches, IMAGES), 20 * (3 / 20) ** 2 / 2, rtol=1e-5)


@pytest.mark.parametrize("norm", ["instance", "batch"])
def test_its_gradient_through_our_layers_is_that_through_xlas(norm):
    images = jax.random.normal(jax.random.key(2), (2, 16, 16, 3))

    def gradient(plain):
        network = PatchGAN(32, 1, norm, compute=Compute(plain_layers=plain))
        variables = network.init(jax.random.key(3), images)

        def penalty(params):
            def judge(images):
                seen = {**variables, "params": params}
                return network.apply(seen, images, mutable=["batch_stats"])[0]

            return gradient_penalty(judge, images)

        return jax.jit(jax.grad(penalty))(variables["params"])

    ours, theirs = gradient(False), gradient(True)
    scale = max(float(jnp.abs(leaf).max()) for leaf in jax.tree.leaves(theirs))
    assert scale > 0
    jax.tree.map(
        lambda one, other: np.testing.assert_allclose(one, other, atol=1e-4 * scale), ours, theirs
    )


def test_a_lazy_penalty_has_the_same_average_and_is_not_computed_between():
    judge = lambda images: jnp.sum(images**2, axis=(1, 2, 3))  # noqa: E731
    penalty = jax.jit(lambda step, x: lazy_gradient_penalty(judge, x, 4, step))
    values = [float(penalty(step, IMAGES)) for step in range(8)]
    always = float(gradient_penalty(judge, IMAGES))
    np.testing.assert_allclose(values, [4 * always, 0, 0, 0, 4 * always, 0, 0, 0], rtol=1e-5)
    assert " conditional(" in penalty.lower(0, IMAGES).compile().as_text()
