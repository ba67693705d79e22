import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import METHODS, init, sample, train_step

from jaxgan.methods.losses import ADVERSARIAL_LOSSES
from jaxgan.methods.pix2pix import Pix2pix
from jaxgan.networks.layers.modules import concat_channels

CASE = METHODS["pix2pix"]
WITHOUT_DROPOUT = dataclasses.replace(CASE.method, dropout=0.0)


def test_losses_are_those_of_the_networks_before_and_after_the_discriminators_update():
    method, batch = WITHOUT_DROPOUT, CASE.batch(2)
    state = init(method, jax.random.key(0), CASE.spec(2))
    after, metrics = train_step(method)(state, batch, jax.random.key(1))

    def apply(module, name, params, x):
        variables = {"params": params[name], "batch_stats": state.batch_stats[name]}
        rngs = {"dropout": jax.random.key(1)}
        return module.apply(variables, x, mutable=["batch_stats"], rngs=rngs)[0]

    fake = apply(method.make_generator(3), "generator", state.params, batch["input"])

    def logits(params, images):
        pair = concat_channels(batch["input"], images)
        return apply(method.make_discriminator(), "discriminator", params, pair)

    def expect(name, value):
        np.testing.assert_allclose(metrics[name], value, rtol=1e-5, err_msg=name)

    loss = ADVERSARIAL_LOSSES["vanilla"]
    expect("loss/discriminator_real", loss.real(logits(state.params, batch["target"])))
    expect("loss/discriminator_fake", loss.fake(logits(state.params, fake)))
    expect("loss/generator_gan", loss.generator(logits(after.params, fake)))
    expect("loss/generator_l1", 100 * jnp.abs(fake - batch["target"]).mean())


def test_the_generators_objective_does_not_reach_the_discriminator():
    afters = []
    for weight in (10.0, 100.0):  # of one program
        method = dataclasses.replace(WITHOUT_DROPOUT, lambda_l1=weight)
        state = init(method, jax.random.key(0), CASE.spec(2))
        afters.append(train_step(method)(state, CASE.batch(2), jax.random.key(1))[0])
    for part in ("params", "batch_stats", "opt_state"):
        first, second = (getattr(after, part)["discriminator"] for after in afters)
        jax.tree.map(np.testing.assert_array_equal, first, second)
    kernels = [after.params["generator"]["output"]["kernel"] for after in afters]
    assert bool((kernels[0] != kernels[1]).any())


def test_running_statistics_see_fake_then_real_and_not_the_generators_pass():
    method, batch = WITHOUT_DROPOUT, CASE.batch(2)
    state = init(method, jax.random.key(0), CASE.spec(2))
    after, _ = train_step(method)(state, batch, jax.random.key(1))
    variables = {
        name: {"params": state.params[name], "batch_stats": state.batch_stats[name]}
        for name in state.params
    }
    fake, updates = method.make_generator(3).apply(
        variables["generator"], batch["input"], deterministic=True, mutable=["batch_stats"]
    )
    expected = {"generator": updates["batch_stats"]}
    for images in (fake, batch["target"]):
        _, updates = method.make_discriminator().apply(
            variables["discriminator"],
            concat_channels(batch["input"], images),
            mutable=["batch_stats"],
        )
        variables["discriminator"] |= updates
    expected["discriminator"] = variables["discriminator"]["batch_stats"]
    check = partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-6)
    jax.tree.map(check, after.batch_stats, expected)


def test_dropout_is_on_when_sampling_unless_switched_off():
    for dropout, differ in ((True, True), (False, False)):
        method = dataclasses.replace(CASE.method, depth=6, sample_dropout=dropout)
        spec = {name: jax.ShapeDtypeStruct((2, 64, 64, 3), jnp.float32) for name in CASE.shapes}
        state = init(method, jax.random.key(0), spec)
        image = jax.random.uniform(jax.random.key(1), (2, 64, 64, 3))
        first, second = (
            sample(method)(state, {"input": image}, jax.random.key(seed))["output"]
            for seed in (1, 2)
        )
        assert bool((first != second).any()) is differ


def test_running_statistics_are_used_when_asked_for():
    method = dataclasses.replace(WITHOUT_DROPOUT, sample_norm_statistics="running")
    state = init(method, jax.random.key(0), CASE.spec(2))
    stats = jax.tree.map(lambda x: x + 3, state.batch_stats["generator"])
    moved = state.replace(batch_stats=state.batch_stats | {"generator": stats})
    key = jax.random.key(1)
    for chosen, differ in ((WITHOUT_DROPOUT, False), (method, True)):
        before, after = (sample(chosen)(s, CASE.batch(2), key)["output"] for s in (state, moved))
        assert bool((before != after).any()) is differ


def test_sampling_needs_no_target():
    state = init(CASE.method, jax.random.key(0), CASE.spec(2))
    columns = sample(CASE.method)(state, {"input": CASE.batch(2)["input"]}, jax.random.key(1))
    assert list(columns) == ["input", "output"]


@pytest.mark.slow
@pytest.mark.parametrize("loss", ADVERSARIAL_LOSSES)
def test_overfits_two_pairs(loss):
    method = dataclasses.replace(WITHOUT_DROPOUT, adversarial_loss=loss, features=8)
    batch = CASE.batch(2)
    batch = jax.tree.map(lambda x: jax.image.resize(x[:, :4, :4], x.shape, "linear"), batch)
    state = init(method, jax.random.key(0), CASE.spec(2))
    step = jax.jit(method.train_step)
    distances = []
    for _ in range(300):
        state, metrics = step(state, batch, jax.random.key(1))
        distances.append(float(metrics["loss/generator_l1"]))
    assert distances[-1] < distances[0] / 4


@pytest.mark.parametrize(
    "field",
    [{"features": 0}, {"depth": 1}, {"dropout": 1.0}, {"lambda_l1": -1.0}, {"learning_rate": 0.0}],
)
def test_impossible_hyperparameters_are_refused(field):
    with pytest.raises(ValueError, match=next(iter(field))):
        Pix2pix(**field)
