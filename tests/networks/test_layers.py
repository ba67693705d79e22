from functools import partial

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.networks.layers.compute import Compute
from jaxgan.networks.layers.modules import (
    INITIALIZERS,
    Norm,
    ResizeConv,
    leaky_relu,
    reflect_pad,
)


def test_batch_norm_has_the_references_momentum_epsilon_and_initial_scale():
    norm = Norm("batch")
    x = 3 + 2 * jax.random.normal(jax.random.key(0), (4, 8, 8, 2000))
    apply = partial(norm.apply, use_running_average=False, mutable=["batch_stats"])
    variables = norm.init(jax.random.key(1), x, use_running_average=False)
    scale, bias = (variables["params"][name] for name in ("scale", "bias"))
    np.testing.assert_allclose([scale.mean(), scale.std()], [1, 0.02], atol=2e-3)
    assert not bias.any()
    y, updates = apply(variables, x)
    mean, variance = (f((0, 1, 2), keepdims=True) for f in (x.mean, x.var))
    expected = (x - mean) / jnp.sqrt(variance + 1e-5) * scale.reshape(1, 1, 1, -1)
    np.testing.assert_allclose(y, expected, atol=1e-4)
    stats = updates["batch_stats"]
    np.testing.assert_allclose(stats["mean"], 0.1 * mean.ravel(), rtol=1e-4)
    count = x.size // x.shape[-1]
    unbiased = variance.ravel() * count / (count - 1)
    np.testing.assert_allclose(stats["var"], 0.9 + 0.1 * unbiased, rtol=1e-4)


def test_instance_norm_has_no_parameters_and_keeps_images_apart():
    norm = Norm("instance")
    x = jax.random.normal(jax.random.key(0), (2, 8, 8, 3))
    variables = norm.init(jax.random.key(1), x, use_running_average=False)
    assert not jax.tree.leaves(variables)
    y = norm.apply(variables, x, use_running_average=True)
    mean, variance = x.mean((1, 2), keepdims=True), x.var((1, 2), keepdims=True)
    np.testing.assert_allclose(y, (x - mean) / jnp.sqrt(variance + 1e-5), atol=1e-5)


# PyTorch's formulas for a convolution of 64 to 128 channels with a 4x4 kernel, gain 0.02.
FAN_IN, FAN_OUT = 64 * 16, 128 * 16


@pytest.mark.parametrize(
    ("name", "deviation"),
    [
        ("normal", 0.02),
        ("xavier", 0.02 * np.sqrt(2 / (FAN_IN + FAN_OUT))),
        ("kaiming", np.sqrt(2 / FAN_IN)),
        ("orthogonal", 0.02 / np.sqrt(FAN_IN)),
    ],
)
def test_initial_kernels_have_the_references_deviation(name, deviation):
    kernel = INITIALIZERS[name](jax.random.key(0), (4, 4, 64, 128), jnp.float32)
    np.testing.assert_allclose(kernel.std(), deviation, rtol=0.01)
    np.testing.assert_allclose(kernel.mean(), 0, atol=deviation / 50)


def test_orthogonal_kernels_are_orthogonal():
    kernel = INITIALIZERS["orthogonal"](jax.random.key(0), (4, 4, 64, 128), jnp.float32)
    flat = kernel.reshape(-1, 128)
    np.testing.assert_allclose(flat.T @ flat, 0.02**2 * np.eye(128), atol=1e-6)


def test_leaky_relu_has_the_slope_of_the_papers():
    x = jnp.array([-10.0, 0.0, 10.0]).reshape(1, 1, 3, 1)
    np.testing.assert_allclose(leaky_relu(x).ravel(), [-2, 0, 10])


@pytest.mark.parametrize("gather_padding", [False, True])
def test_reflection_leaves_the_edge_itself_out(gather_padding):
    pad = partial(reflect_pad, padding=2, compute=Compute(gather_padding=gather_padding))
    x = jnp.arange(9.0).reshape(1, 3, 3, 1)
    padded = pad(x)[0, :, :, 0]
    np.testing.assert_array_equal(padded[2], [2, 1, 0, 1, 2, 1, 0])
    np.testing.assert_array_equal(padded[:, 2], [6, 3, 0, 3, 6, 3, 0])
    height, width = jax.export.symbolic_shape("3*height, 3*width")
    any_size = jax.ShapeDtypeStruct((1, height, width, 1), x.dtype)
    exported = jax.export.export(jax.jit(pad))(any_size)
    np.testing.assert_array_equal(exported.call(x), pad(x))
    # The gradient counts how often a pixel appears.
    counts = jax.grad(lambda x: pad(x).sum())(x)[0, :, :, 0]
    np.testing.assert_array_equal(counts, np.outer([2, 3, 2], [2, 3, 2]))


@pytest.mark.parametrize("plain_layers", [False, True])
@pytest.mark.parametrize("shape", [(2, 5, 6, 3), (1, 1, 1, 8)])
def test_resize_conv_is_a_convolution_of_the_image_at_twice_the_size(shape, plain_layers):
    layer = ResizeConv(4, compute=Compute(plain_layers=plain_layers))
    x = jax.random.normal(jax.random.key(0), shape)
    params = layer.init(jax.random.key(1), x)["params"]
    params["bias"] += jnp.arange(4.0)

    def by_definition(params, x):
        large = x.repeat(2, axis=1).repeat(2, axis=2)
        kernel = params["kernel"][::-1, ::-1].swapaxes(2, 3)
        numbers = ("NHWC", "HWIO", "NHWC")
        y = jax.lax.conv_general_dilated(large, kernel, (1, 1), "SAME", dimension_numbers=numbers)
        return y + params["bias"].reshape(1, 1, 1, -1)

    results = [
        jax.value_and_grad(lambda *inputs, f=f: (f(*inputs) ** 2).sum(), argnums=(0, 1))(params, x)
        for f in (by_definition, lambda params, x: layer.apply({"params": params}, x))
    ]
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-5), *results)


def test_resize_conv_makes_no_pattern_of_a_flat_image():
    layer = ResizeConv(4)
    x = jnp.ones((1, 8, 8, 3))
    y = layer.apply(layer.init(jax.random.key(0), x), x)[:, 1:-1, 1:-1]
    np.testing.assert_allclose(y, y[:, :1, :1].repeat(14, axis=1).repeat(14, axis=2), atol=1e-6)
