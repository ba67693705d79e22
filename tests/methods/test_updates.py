from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.methods.averages import average
from jaxgan.methods.generator import translate
from jaxgan.methods.updates import Passes, run
from jaxgan.networks.resnet import ResNetGenerator
from jaxgan.networks.unet import UNetGenerator
from jaxgan.types import TrainedGenerator

KEY = jax.random.key(0)


@pytest.mark.parametrize(
    ("generator", "mirrored"),
    [
        (UNetGenerator(1, features=4, depth=4, norm="instance", dropout=0), (48, 64)),
        (ResNetGenerator(1, features=4, blocks=1), (36, 52)),
    ],
    ids=["unet", "resnet"],
)
def test_images_are_mirrored_to_what_a_network_needs_and_cut_back(generator, mirrored):
    images = jax.random.uniform(KEY, (2, 33, 50, 3), minval=-1)
    params = jax.jit(generator.init)({"params": KEY}, jnp.zeros((1, 16, 16, 3)))["params"]
    translator = TrainedGenerator(params, {}, generator)
    translated = jax.jit(partial(translate, translator))(images, KEY)
    padding = ((0, 0), (0, mirrored[0] - 33), (0, mirrored[1] - 50), (0, 0))
    whole = jax.jit(generator.apply)({"params": params}, jnp.pad(images, padding, "reflect"))
    np.testing.assert_allclose(translated, whole[:, :33, :50], atol=1e-5)


class Noisy(nn.Module):
    """Adds noise, and counts how often it did."""

    @nn.compact
    def __call__(self, x):
        count = self.variable("batch_stats", "count", lambda: jnp.zeros(()))
        count.value += 1
        return x + jax.random.normal(self.make_rng("dropout"), x.shape)


def test_passes_hand_on_statistics_and_draw_noise_by_their_number():
    """Runs continue bit for bit only if the keys stay as they are."""
    x, y = jnp.zeros((2, 3)), jnp.ones((2, 3))
    passes = Passes(Noisy(), {}, {"count": jnp.zeros(())}, KEY)
    first, (second, third) = passes(x), passes.both(x, y)

    def expected(x, number):
        return run(Noisy(), {}, {"count": jnp.zeros(())}, x, jax.random.fold_in(KEY, number))[0]

    np.testing.assert_array_equal(first, expected(x, 0))
    interleaved = expected(jnp.stack([x[0], y[0], x[1], y[1]]), 1)
    np.testing.assert_array_equal(second, interleaved[::2])
    np.testing.assert_array_equal(third, interleaved[1::2])
    assert passes.stats["count"] == 2


def test_a_moving_average_forgets_where_it_started():
    """Of a constant it is that constant, from the first step on, whatever it started from."""
    averaged = {"x": jnp.array([100.0, -100.0])}
    for step in range(5):
        averaged = average(averaged, {"x": jnp.array([1.0, 2.0])}, 0.999, jnp.int32(step))
        np.testing.assert_allclose(averaged["x"], [1.0, 2.0], rtol=1e-6)


def test_a_moving_average_weighs_values_by_powers_of_its_decay():
    values = np.array([3.0, -1.0, 4.0, 1.0, -5.0])
    averaged = jnp.array(0.0)
    for step, value in enumerate(values):
        averaged = average(averaged, jnp.float32(value), 0.8, jnp.int32(step))
    weights = 0.8 ** np.arange(5)[::-1]
    np.testing.assert_allclose(averaged, (weights * values).sum() / weights.sum(), rtol=1e-5)
