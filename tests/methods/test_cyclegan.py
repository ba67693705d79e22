import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import METHODS, init, sample, train_step

from jaxgan.methods.cyclegan import CycleGAN
from jaxgan.methods.losses import ADVERSARIAL_LOSSES, l1
from jaxgan.methods.updates import run
from jaxgan.networks.layers.compute import Compute

CASE = METHODS["cyclegan"]
LOSS = ADVERSARIAL_LOSSES["least_squares"]


def step(method, state, batch, seed=1):
    return train_step(method)(state, batch, jax.random.key(seed))


def test_losses_are_those_of_the_networks_before_the_step():
    """All eight, weighted as they enter the total; the pools are filling, so they do not matter."""
    state, batch = init(CASE.method, jax.random.key(0), CASE.spec(2)), CASE.batch(2)
    _, metrics = step(CASE.method, state, batch)
    method = CASE.method

    def apply(name, x):
        network = method.make_generator(3) if "generator" in name else method.make_discriminator()
        return run(network, state.params[name], {}, x)[0]

    a, b = batch["a"], batch["b"]
    fake_b, fake_a = apply("generator_ab", a), apply("generator_ba", b)

    def judged(name, real, fake):
        return (LOSS.real(apply(name, real)) + LOSS.fake(apply(name, fake))) / 2

    expected = {
        "loss/generator_ab_gan": LOSS.generator(apply("discriminator_b", fake_b)),
        "loss/generator_ba_gan": LOSS.generator(apply("discriminator_a", fake_a)),
        "loss/cycle_a": 10 * l1(apply("generator_ba", fake_b), a),
        "loss/cycle_b": 10 * l1(apply("generator_ab", fake_a), b),
        "loss/identity_a": 5 * l1(apply("generator_ba", a), a),
        "loss/identity_b": 5 * l1(apply("generator_ab", b), b),
        "loss/discriminator_a": judged("discriminator_a", a, fake_a),
        "loss/discriminator_b": judged("discriminator_b", b, fake_b),
    }
    assert {name for name in metrics if name.startswith("loss/")} == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(metrics[name], value, rtol=1e-5, err_msg=name)


def test_the_discriminators_see_images_from_the_pools_and_the_generators_do_not():
    batch = CASE.batch(2)
    full = init(CASE.method, jax.random.key(0), CASE.spec(2))
    pools = {
        name: dataclasses.replace(
            pool, images=jnp.ones_like(pool.images), count=jnp.asarray(3, jnp.int32)
        )
        for name, pool in full.memory.items()
    }
    filling, _ = step(CASE.method, full, batch)
    exchanged, _ = step(CASE.method, full.replace(memory=pools), batch, seed=2)
    for name in filling.params:
        changed = jax.tree.map(
            lambda x, y: bool((x != y).any()), filling.params[name], exchanged.params[name]
        )
        assert any(jax.tree.leaves(changed)) is name.startswith("discriminator"), name


def test_every_image_that_was_made_enters_the_pool_while_it_fills():
    state, batch = init(CASE.method, jax.random.key(0), CASE.spec(2)), CASE.batch(2)
    after, _ = step(CASE.method, state, batch)
    fake_b = run(CASE.method.make_generator(3), state.params["generator_ab"], {}, batch["a"])[0]
    np.testing.assert_allclose(after.memory["pool_b"].images[:2], fake_b, atol=1e-5)
    assert after.memory["pool_b"].count == 2


def test_passes_through_a_network_go_as_one_batch_unless_its_norm_mixes_images():
    def count_convolutions(norm):
        method = dataclasses.replace(CASE.method, norm=norm, compute=Compute(plain_layers=True))
        state = init(method, jax.random.key(0), CASE.spec(2))
        lowered = jax.jit(method.train_step).lower(state, CASE.spec(2), jax.random.key(0))
        return lowered.as_text().count("stablehlo.convolution")

    # Of the three passes through each network two go together.
    assert 3 * count_convolutions("instance") <= 2 * count_convolutions("batch")


def test_identity_is_switched_off_with_a_warning_when_channels_differ():
    spec = {
        "a": jax.ShapeDtypeStruct((1, 16, 16, 1), jnp.float32),
        "b": jax.ShapeDtypeStruct((1, 16, 16, 3), jnp.float32),
    }
    with pytest.warns(UserWarning, match="no identity loss: A has 1 channels and B 3"):
        state = init(CASE.method, jax.random.key(0), spec)
    batch = {name: jnp.zeros(leaf.shape) for name, leaf in spec.items()}
    _, metrics = step(CASE.method, state, batch)
    assert not [name for name in metrics if "identity" in name]
    assert "identity A" not in sample(CASE.method)(state, batch, jax.random.key(0))


def test_domains_of_two_sizes_are_refused():
    spec = CASE.spec(1) | {"b": jax.ShapeDtypeStruct((1, 16, 32, 3), jnp.float32)}
    with pytest.raises(ValueError, match=r"of one size, not \(16, 16\) and \(16, 32\)"):
        CASE.method.init(jax.random.key(0), spec)


class Scale(nn.Module):
    """A generator that multiplies colors, at first by `factor`."""

    factor: float

    @nn.compact
    def __call__(self, x):
        return x * self.param("factor", nn.initializers.constant(self.factor), ())


@pytest.mark.parametrize(
    ("factor", "number", "inverted"), [(0.9, 500, 0), (-0.9, 500, 1), (-0.9, 499, 0)]
)
def test_inverted_colors_raise_a_warning_after_the_start(factor, number, inverted):
    class Scaling(CycleGAN):
        def make_generator(self, output_channels):
            return Scale(factor)

    method = Scaling(discriminator_features=4, discriminator_layers=0)
    state = init(method, jax.random.key(0), CASE.spec(2))
    state = state.replace(step=jnp.asarray(number, jnp.int32))
    _, metrics = step(method, state, CASE.batch(2))
    for direction in ("ab", "ba"):
        np.testing.assert_allclose(metrics[f"correlation/{direction}"], np.sign(factor), rtol=1e-4)
        assert metrics[f"warning/colors_inverted_{direction}"] == inverted


@pytest.mark.slow
def test_learns_to_swap_two_colors():
    """Red images become green ones and the other way round."""
    red = jnp.broadcast_to(jnp.array([1.0, -1, -1]), (2, 16, 16, 3))
    green = jnp.broadcast_to(jnp.array([-1.0, 1, -1]), (2, 16, 16, 3))
    noise = 0.1 * jax.random.normal(jax.random.key(0), red.shape)
    batch = {"a": red + noise, "b": green + noise}
    method = dataclasses.replace(
        CASE.method, features=8, discriminator_features=8, learning_rate=1e-3, lambda_identity=0.0
    )
    state = init(method, jax.random.key(0), CASE.spec(2))
    update = jax.jit(method.train_step)
    for number in range(400):
        state, _ = update(state, batch, jax.random.key(number))
    columns = sample(method)(state, batch, jax.random.key(0))
    assert l1(columns["fake B"], green) < 0.5
    assert l1(columns["reconstructed A"], red) < 0.5
