import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import METHODS, init, sample, train_step

from jaxgan.methods.dcgan import DCGAN
from jaxgan.methods.losses import ADVERSARIAL_LOSSES
from jaxgan.networks.dcgan import DCGANDiscriminator, DCGANGenerator

CASE = METHODS["dcgan"]
KEY = jax.random.key(0)
LOSS = ADVERSARIAL_LOSSES["vanilla"]


def start(method, batch_size=4):
    return init(method, KEY, CASE.spec(batch_size))


def count(params):
    return sum(leaf.size for leaf in jax.tree.leaves(params))


def test_parameters_at_64_are_those_of_the_reference():
    """Those of PyTorch's `examples/dcgan/main.py` with its defaults."""
    generator = DCGANGenerator(size=64, output_channels=3)
    discriminator = DCGANDiscriminator()
    shapes = jax.eval_shape(generator.init, KEY, jnp.zeros((1, 100)))
    assert count(shapes["params"]) == 3_576_704
    shapes = jax.eval_shape(discriminator.init, KEY, jnp.zeros((1, 64, 64, 3)))
    assert count(shapes["params"]) == 2_765_568


@pytest.mark.parametrize("size", [8, 28, 32, 48, 128, 256])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_any_size_and_channels(size, channels):
    generator = DCGANGenerator(size=size, output_channels=channels, features=2)
    discriminator = DCGANDiscriminator(features=2)

    def make_and_judge(key):
        latents = jnp.zeros((2, 5))
        images = generator.apply(generator.init(key, latents), latents, mutable=["batch_stats"])[0]
        return images, discriminator.init_with_output(key, images)[0]

    images, logits = jax.eval_shape(make_and_judge, KEY)
    assert images.shape == (2, size, size, channels)
    assert logits.shape == (2,)


def test_images_that_are_not_as_large_as_image_size_are_refused():
    with pytest.raises(ValueError, match="images are 16x16, and image_size is 32"):
        start(DCGAN(image_size=32))


def test_losses_are_those_of_the_networks_before_and_after_the_discriminators_update():
    state, batch = start(CASE.method), CASE.batch(4)
    after, metrics = train_step(CASE.method)(state, batch, KEY)
    generator, discriminator = CASE.method.make_generator(3), CASE.method.make_discriminator()
    latents = CASE.method.draw_latents(jax.random.split(KEY, 4)[0], 4)

    def apply(network, name, state, x):
        variables = {"params": state.params[name], "batch_stats": state.batch_stats[name]}
        return network.apply(variables, x, mutable=["batch_stats"])[0]

    fake = apply(generator, "generator", state, latents)
    real_logits = apply(discriminator, "discriminator", state, batch["image"])
    fake_logits = apply(discriminator, "discriminator", state, fake)
    expected = {
        "loss/discriminator_real": LOSS.real(real_logits),
        "loss/discriminator_fake": LOSS.fake(fake_logits),
        "loss/generator": LOSS.generator(apply(discriminator, "discriminator", after, fake)),
    }
    assert {name for name in metrics if name.startswith("loss/")} == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(metrics[name], value, rtol=1e-4, err_msg=name)


def test_generated_images_do_not_depend_on_their_batch_mates():
    state = start(CASE.method)
    state, _ = train_step(CASE.method)(state, CASE.batch(4), KEY)
    latents = CASE.method.draw_latents(KEY, 4)
    together = CASE.method.generate(state, latents)
    alone = CASE.method.generate(state, latents[:1])
    np.testing.assert_allclose(together[:1], alone, atol=1e-6)
    others = latents.at[1:].set(0.0)
    np.testing.assert_allclose(CASE.method.generate(state, others)[0], together[0], atol=1e-6)


def test_latents_are_drawn_as_asked():
    shape = (4000, 4)
    normal = CASE.method.draw_latents(KEY, 4000)
    uniform = dataclasses.replace(CASE.method, latent="uniform").draw_latents(KEY, 4000)
    assert normal.shape == uniform.shape == shape
    np.testing.assert_allclose([normal.mean(), normal.std()], [0, 1], atol=0.03)
    np.testing.assert_allclose([uniform.mean(), uniform.std()], [0, 3**-0.5], atol=0.03)
    assert -1 <= uniform.min() < -0.99 < 0.99 < uniform.max() <= 1


def test_label_smoothing_moves_the_target_of_real_images():
    """Binary cross-entropy against 0.9, written out."""
    method = dataclasses.replace(CASE.method, label_smoothing=0.1)
    state, batch = start(method), CASE.batch(4)
    _, metrics = train_step(method)(state, batch, KEY)
    variables = {
        "params": state.params["discriminator"],
        "batch_stats": state.batch_stats["discriminator"],
    }
    logits, _ = method.make_discriminator().apply(
        variables, batch["image"], mutable=["batch_stats"]
    )
    p = jax.nn.sigmoid(logits)
    expected = -jnp.mean(0.9 * jnp.log(p) + 0.1 * jnp.log(1 - p))
    np.testing.assert_allclose(metrics["loss/discriminator_real"], expected, rtol=1e-5)


def logits_of(method, state, images):
    """Return the logits of the discriminator before the step."""
    variables = {"params": state.params["discriminator"]}
    return method.make_discriminator().apply(variables, images)


def test_relativistic_losses_compare_generated_images_with_real_ones():
    """R3GAN's loss (Huang et al. 2025, equations 2 and 3), written out."""
    method = METHODS["dcgan-relativistic"].method
    state, batch = start(method), CASE.batch(4)
    after, metrics = train_step(method)(state, batch, KEY)
    latents = method.draw_latents(jax.random.split(KEY, 4)[0], 4)
    variables = {name: getattr(state, name)["generator"] for name in ("params", "batch_stats")}
    fake, _ = method.make_generator(3).apply(variables, latents, mutable=["batch_stats"])

    def apart(state):
        return logits_of(method, state, fake) - logits_of(method, state, batch["image"])

    expected = jnp.mean(jnp.log1p(jnp.exp(apart(state))))
    np.testing.assert_allclose(metrics["loss/discriminator"], expected, rtol=1e-4)
    expected = jnp.mean(jnp.log1p(jnp.exp(-apart(after))))  # by the updated discriminator
    np.testing.assert_allclose(metrics["loss/generator"], expected, rtol=1e-4)
    for name, images in (("r1", batch["image"]), ("r2", fake)):
        gradient = jax.grad(lambda x: logits_of(method, state, x).sum())(images)
        expected = jnp.sum(gradient**2, axis=(1, 2, 3)).mean() / 2
        np.testing.assert_allclose(metrics[f"loss/discriminator_{name}"], expected, rtol=1e-4)


def test_the_averaged_generator_is_used():
    """Of two steps, parameters and running statistics with weights 3/7 and 4/7 at 0.75."""
    method = dataclasses.replace(CASE.method, ema=0.75)
    first, _ = train_step(method)(start(method), CASE.batch(4), KEY)
    after, _ = train_step(method)(first, CASE.batch(4), KEY)
    expected = jax.tree.map(
        lambda old, new: 3 / 7 * old + 4 / 7 * new,
        {"params": first.params["generator"], "batch_stats": first.batch_stats["generator"]},
        {"params": after.params["generator"], "batch_stats": after.batch_stats["generator"]},
    )
    close = partial(np.testing.assert_allclose, rtol=1e-6, atol=1e-7)
    jax.tree.map(close, after.memory["average"], expected)
    latents = method.draw_latents(KEY, 2)
    images = method.make_generator(3).apply(expected, latents, use_running_average=True)
    np.testing.assert_allclose(method.generate(after, latents), images, atol=1e-6)


def test_spectral_norm_bounds_every_layer():
    """After enough steps of power iteration the largest singular value is 1."""
    discriminator = DCGANDiscriminator(features=4, norm="spectral")
    x = jax.random.normal(KEY, (2, 16, 16, 3))
    variables = discriminator.init(KEY, x)
    first = discriminator.apply(variables, x, use_running_average=True)
    for _ in range(50):
        _, updated = discriminator.apply(variables, x, mutable=["batch_stats"])
        variables = variables | updated
    scaled = jax.tree.map(lambda kernel: 10 * kernel, variables["params"])
    values = [
        discriminator.apply(variables | {"params": params}, x, mutable=["batch_stats"])[0]
        for params in (variables["params"], scaled)
    ]
    np.testing.assert_allclose(values[0], values[1], rtol=1e-3)  # the scale is divided out
    assert not np.allclose(first, values[0])


@pytest.mark.parametrize(("step", "warns"), [(0, 0), (499, 0), (500, 1), (100_000, 1)])
def test_a_collapsed_generator_is_reported_after_the_start(step, warns):
    state = start(CASE.method)
    zeros = jax.tree.map(jnp.zeros_like, state.params["generator"])
    collapsed = state.replace(
        params=state.params | {"generator": zeros}, step=jnp.asarray(step, jnp.int32)
    )
    _, metrics = train_step(CASE.method)(collapsed, CASE.batch(4), KEY)
    assert metrics["diversity"] == 0
    assert metrics["warning/collapsed"] == warns


def test_a_generator_that_works_raises_no_warning():
    state = start(CASE.method).replace(step=jnp.asarray(1000, jnp.int32))
    similar = {"image": 0.1 * CASE.batch(4)["image"]}  # as similar as initial weights make them
    _, metrics = train_step(CASE.method)(state, similar, KEY)
    assert metrics["diversity"] > 0.1
    assert metrics["warning/collapsed"] == 0
    _, metrics = jax.eval_shape(CASE.method.train_step, state, CASE.spec(1), KEY)
    assert "diversity" not in metrics  # which takes two images


def test_samples_are_mosaics_of_the_same_latents_at_every_step():
    state, batch = start(CASE.method, 5), CASE.batch(5)
    columns = sample(CASE.method)(state, batch, KEY)
    assert columns["generated"].shape == columns["real"].shape == (1, 32, 48, 3)
    np.testing.assert_array_equal(columns["real"][0, 16:, 16:32], batch["image"][4])
    assert (columns["real"][0, 16:, 32:] == 1).all()
