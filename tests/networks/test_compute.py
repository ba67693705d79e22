"""What `Compute` chooses changes nothing but rounding, speed and memory."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import METHODS, init, sample, train_step

from jaxgan.networks.layers.compute import Compute
from jaxgan.networks.resnet import ResNetGenerator

KEY = jax.random.key(3)
SLOW = pytest.mark.slow


def with_compute(case, **choices):
    return case._replace(method=dataclasses.replace(case.method, compute=Compute(**choices)))


def first_step(case, dtype):
    """Return the state after a step; Adam's first moments then are half the gradients."""
    batch = {name: image.astype(dtype) for name, image in case.batch(4).items()}
    state = jax.tree.map(
        lambda leaf: leaf.astype(dtype) if leaf.dtype == jnp.float32 else leaf,
        init(case.method, KEY, case.spec(4)),
    )
    after, metrics = train_step(case.method)(state, batch, KEY)
    moments = {name: state[0].mu for name, state in after.opt_state.items()}
    return after, moments, metrics


def dtypes(tree):
    return [leaf.dtype for leaf in jax.tree.leaves(tree)]


def assert_close(ours, theirs, tolerance):
    def compare(ours, theirs):
        scale = max(float(jnp.abs(theirs).max()), 1e-3)
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance * scale)

    jax.tree.map(compare, ours, theirs)


@pytest.mark.parametrize(
    ("name", "choices"),
    [
        ("pix2pix", {"remat": True, "plain_layers": True}),
        ("pix2pix", {"pad_channels": True}),
        ("cyclegan", {"pad_channels": True, "gather_padding": True}),
        ("dcgan", {"remat": True, "plain_layers": True}),
        pytest.param("cyclegan", {"remat": True, "plain_layers": True}, marks=SLOW),
        pytest.param("cut", {"remat": True, "plain_layers": True}, marks=SLOW),
        # With batch norm the parts have statistics of their own.
        ("pix2pix-instance-pixel", {"accumulate": 2}),
        pytest.param("cyclegan", {"accumulate": 2}, marks=SLOW),
    ],
)
def test_gradients_and_statistics_are_the_same(name, choices):
    case = METHODS[name]
    # Each part is augmented by keys of its own, and averaged weights hold what Adam makes of the
    # rounding of gradients that are zero.
    method = dataclasses.replace(case.method, diff_augment=False, ema=0.0)
    case = case._replace(method=method)
    with jax.enable_x64(True):
        expected, gradients, metrics = first_step(case, jnp.float64)
        after, found, measured = first_step(with_compute(case, **choices), jnp.float64)
        assert_close(found, gradients, 1e-9)
        assert_close(measured, metrics, 1e-9)
        assert_close(after.batch_stats, expected.batch_stats, 1e-9)
        assert_close(after.memory, expected.memory, 1e-9)


def test_blocks_that_are_computed_again_drop_the_same_features():
    x = jax.random.normal(KEY, (1, 16, 16, 3))
    network = ResNetGenerator(3, features=4, blocks=2, dropout=0.5)
    again = network.clone(compute=Compute(remat=True))
    params = network.init(KEY, x, deterministic=True)["params"]

    def gradient(network):
        def loss(params):
            return jnp.sum(network.apply({"params": params}, x, rngs={"dropout": KEY}) ** 2)

        return jax.jit(jax.grad(loss))(params)

    assert_close(gradient(again), gradient(network), 1e-5)


def test_dcgan_takes_a_batch_in_parts():
    after, gradients, metrics = first_step(with_compute(METHODS["dcgan"], accumulate=2), "float32")
    assert after.step == 1
    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves((gradients, metrics)))


@pytest.mark.gpu
@pytest.mark.parametrize(
    "name", ["pix2pix", "dcgan", *(pytest.param(name, marks=SLOW) for name in ("cyclegan", "cut"))]
)
def test_bfloat16_keeps_the_state_in_float32_and_the_losses_close(name):
    case = METHODS[name]
    expected, _, metrics = first_step(case, jnp.float32)
    bfloat16 = with_compute(case, compute_dtype="bfloat16")
    after, _, measured = first_step(bfloat16, jnp.float32)
    assert dtypes(after) == dtypes(expected)
    assert {value.dtype for value in measured.values()} == {jnp.dtype("float32")}
    for loss in (loss for loss in metrics if loss.startswith("loss/")):
        np.testing.assert_allclose(measured[loss], metrics[loss], rtol=0.05)
    program = jax.jit(bfloat16.method.train_step).lower(after, case.batch(4), KEY).as_text()
    convolutions = [line for line in program.splitlines() if "stablehlo.convolution" in line]
    assert all("xbf16>" in line and "xf32>" not in line for line in convolutions)
    images = sample(bfloat16.method)(after, case.batch(4), KEY)
    assert {image.dtype for image in images.values()} == {jnp.dtype("float32")}


def test_a_batch_must_have_so_many_parts():
    case = with_compute(METHODS["cyclegan"], accumulate=3)
    with pytest.raises(ValueError, match=r"batch of 4 .* 3 equal micro-batches"):
        init(case.method, KEY, case.spec(4))
