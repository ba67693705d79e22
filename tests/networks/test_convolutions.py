"""All forms of a convolution, of its transpose and of their gradients, against XLA's own."""

import re
from functools import partial

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.networks.layers import convolution_forms as forms
from jaxgan.networks.layers import convolutions
from jaxgan.networks.layers.convolution_forms import plain, plain_transpose
from jaxgan.networks.layers.convolutions import conv_transpose, strided_conv

# (kernel size, stride, padding), (batch, height, width), channels, new channels: U-Net, its middle,
# DCGAN's ends, PatchGAN and its end, ResNet's ends and strided layers, and odd ones.
LAYERS = [
    ((4, 2, 1), (3, 4, 4), 32, 5),
    ((4, 2, 1), (1, 2, 2), 256, 128),
    ((4, 1, 0), (2, 4, 4), 256, 128),
    ((4, 1, 1), (1, 7, 6), 5, 6),
    ((4, 1, 1), (1, 7, 6), 160, 1),
    ((7, 1, 0), (1, 12, 13), 3, 16),
    ((7, 1, 3), (2, 9, 12), 16, 3),
    ((3, 2, 1), (1, 5, 8), 33, 16),
    ((3, 1, 1), (2, 5, 7), 5, 6),
    ((7, 2, 3), (1, 1, 2), 3, 5),
    ((5, 3, 2), (1, 6, 9), 32, 5),
    ((1, 2, 0), (1, 3, 4), 5, 6),
]
OUTPUT_PADDINGS = {(3, 2, 1): 1, (5, 3, 2): 2}
CASES = [(layer, "float64", 1e-13) for layer in LAYERS]
CASES += [
    (layer, dtype, tolerance)
    for layer in (LAYERS[0], LAYERS[1], LAYERS[5], LAYERS[7])
    for dtype, tolerance in (("float32", 1e-5), ("bfloat16", 2e-2))
]


def assert_equal(ours, theirs, tolerance):
    """Compare relative to the largest value: small ones are sums of large ones."""
    assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
    ours, theirs = (np.asarray(array, np.float64) for array in (ours, theirs))
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance * np.abs(theirs).max())


def draw(layer, dtype):
    """Return an image, a kernel, and an arbitrary gradient."""
    (size, stride, padding), shape, channels, new_channels = layer
    keys = jax.random.split(jax.random.key(0), 3)
    x = jax.random.normal(keys[0], (*shape, channels), dtype)
    kernel = jax.random.normal(keys[1], (size, size, channels, new_channels), dtype)
    y = jax.eval_shape(lambda: plain(x, kernel, stride, padding))
    return x, kernel, jax.random.normal(keys[2], y.shape, dtype)


@partial(jax.jit, static_argnums=(0, 1))
def value_and_gradients(function, geometry, x, kernel, gradient):
    y, vjp = jax.vjp(lambda x, kernel: function(x, kernel, *geometry), x, kernel)
    return y, *vjp(gradient)


@pytest.mark.gpu
@pytest.mark.parametrize(("layer", "dtype", "tolerance"), CASES)
def test_a_convolution_and_its_gradients_are_xlas(layer, dtype, tolerance):
    with jax.enable_x64(dtype == "float64"):
        operands, geometry = draw(layer, dtype), layer[0][1:]
        expected = value_and_gradients(plain, geometry, *operands)
        for ours, theirs in zip(
            value_and_gradients(strided_conv, geometry, *operands), expected, strict=True
        ):
            assert_equal(ours, theirs, tolerance)


@pytest.mark.gpu
@pytest.mark.parametrize(("layer", "dtype", "tolerance"), CASES)
def test_a_transposed_convolution_and_its_gradients_are_xlas(layer, dtype, tolerance):
    with jax.enable_x64(dtype == "float64"):
        _, kernel, x = draw(layer, dtype)
        geometry = (*layer[0][1:], OUTPUT_PADDINGS.get(layer[0], 0))
        y = jax.eval_shape(lambda: plain_transpose(x, kernel, *geometry))
        gradient = jax.random.normal(jax.random.key(3), y.shape, dtype)
        operands = (geometry, x, kernel, gradient)
        expected = value_and_gradients(plain_transpose, *operands)
        for ours, theirs in zip(
            value_and_gradients(conv_transpose, *operands), expected, strict=True
        ):
            assert_equal(ours, theirs, tolerance)


@partial(jax.jit, static_argnums=(0, 1))
def gradients_of_a_penalty(function, geometry, x, kernel):
    """Return the gradients of the squared norm of the image's gradient, as R1 needs them."""

    def penalty(x, kernel):
        total = lambda x: jnp.sum(jnp.sin(function(x, kernel, *geometry)))  # noqa: E731
        return jnp.sum(jnp.square(jax.grad(total)(x)))

    return jax.grad(penalty, argnums=(0, 1))(x, kernel)


@pytest.mark.parametrize("layer", LAYERS)
def test_second_derivatives_are_xlas(layer):
    with jax.enable_x64(True):
        x, kernel, y = draw(layer, "float64")
        padded = (*layer[0][1:], OUTPUT_PADDINGS.get(layer[0], 0))
        for ours, theirs, geometry, image in (
            (strided_conv, plain, layer[0][1:], x),
            (conv_transpose, plain_transpose, padded, y),
        ):
            found = gradients_of_a_penalty(ours, geometry, image, kernel)
            expected = gradients_of_a_penalty(theirs, geometry, image, kernel)
            for one, other in zip(found, expected, strict=True):
                assert_equal(one, other, 1e-12)


def is_program(value):
    return hasattr(value, "jaxpr") or hasattr(value, "eqns")


def convolutions_in(jaxpr):
    """Return the shapes and settings of all convolutions in a program and functions it calls."""
    found = set()
    for equation in jaxpr.eqns:
        if equation.primitive.name == "conv_general_dilated":
            shapes = tuple(variable.aval.shape for variable in equation.invars)
            found.add((*shapes, str(equation.params)))
        for value in jax.tree.leaves(list(equation.params.values()), is_leaf=is_program):
            if is_program(value):
                found |= convolutions_in(getattr(value, "jaxpr", value))
    return found


@pytest.mark.parametrize("layer", LAYERS)
def test_second_derivatives_need_only_the_convolutions_of_the_first(layer):
    """XLA's CPU compiler has no fast path for the others: R3GAN's step took 5 times as long."""
    x, kernel, y = draw(layer, "float32")
    padded = (*layer[0][1:], OUTPUT_PADDINGS.get(layer[0], 0))
    for function, geometry, image in (
        (strided_conv, layer[0][1:], x),
        (conv_transpose, padded, y),
    ):
        first = jax.make_jaxpr(partial(value_and_gradients, function, geometry))(
            image, kernel, function(image, kernel, *geometry)
        )
        second = jax.make_jaxpr(partial(gradients_of_a_penalty, function, geometry))(image, kernel)
        assert convolutions_in(second.jaxpr) <= convolutions_in(first.jaxpr)


@pytest.mark.parametrize("layer", LAYERS)
def test_convolutions_in_conditionals_have_the_layout_that_is_fast_on_a_cpu(layer):
    """XLA transposes the others only outside of them; they are up to 40 times slower."""
    x, kernel, y = draw(layer, "float32")
    padded = (*layer[0][1:], OUTPUT_PADDINGS.get(layer[0], 0))

    def gradients(on, x, kernel, y):
        def compute():
            forward = gradients_of_a_penalty(strided_conv, layer[0][1:], x, kernel)
            return forward, gradients_of_a_penalty(conv_transpose, padded, y, kernel)

        return jax.lax.cond(on, compute, lambda: jax.tree.map(jnp.zeros_like, compute()))

    program = jax.jit(gradients).lower(True, x, kernel, y).compile().as_text()
    assert set(re.findall(r"dim_labels=(\S+?),", program)) <= {"b01f_01io->b01f"}


@pytest.mark.parametrize("layer", LAYERS)
def test_every_form_suits_every_layer(layer):
    """Whichever of them the shapes choose."""
    size, stride, padding = layer[0]
    with jax.enable_x64(True):
        x, kernel, gradient = draw(layer, "float64")
        y, x_gradient, kernel_gradient = value_and_gradients(
            plain, (stride, padding), x, kernel, gradient
        )
        geometry = {"stride": stride, "padding": padding}
        for form in (forms.polyphase, forms.dilated_kernel, forms.row_by_row_kernel):
            if form is not forms.row_by_row_kernel or stride == 1:
                ours = jax.jit(partial(form, **geometry))(x, kernel, gradient)
                assert_equal(ours, kernel_gradient, 1e-13)
        for form in (forms.matmul, forms.row_by_row):
            if form is not forms.row_by_row or stride == 1:
                ours, vjp = jax.vjp(jax.jit(partial(form, x, **geometry)), kernel)
                assert_equal(ours, y, 1e-13)
                assert_equal(vjp(gradient)[0], kernel_gradient, 1e-13)
        for form in (forms.dilated, forms.dilated_image, forms.phases, forms.overlap):
            if form is not forms.phases or size >= stride:
                function = partial(form, **geometry, size=x.shape[1:3])
                assert_equal(jax.jit(function)(gradient, kernel), x_gradient, 1e-13)


def test_plain_is_what_jax_has():
    x, kernel, gradient = draw(LAYERS[0], "float32")
    ours = plain_transpose(gradient, kernel, 2, 1, 0)
    theirs = jax.lax.conv_transpose(
        gradient, kernel, (2, 2), ((2, 2), (2, 2)), transpose_kernel=True
    )
    assert_equal(ours, theirs, 1e-6)
    theirs = jax.lax.conv(x.transpose(0, 3, 1, 2), kernel.transpose(3, 2, 0, 1), (2, 2), "SAME")
    assert_equal(plain(x, kernel, 2, 1), theirs.transpose(0, 2, 3, 1), 1e-6)


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="counted in the CPU's program")
@pytest.mark.parametrize(
    ("layer", "forms"),
    [
        (((4, 2, 1), (1, 2, 2), 512, 512), (0, 0, 0)),  # products of matrices
        (((4, 2, 1), (1, 64, 64), 64, 128), (1, 4, 4)),  # phases
        (((4, 2, 1), (64, 64, 64), 3, 64), (1, 1, 4)),
        (((3, 1, 0), (1, 66, 66), 256, 256), (1, 1, 1)),
    ],
)
def test_shapes_choose_the_form(layer, forms):
    """Counted in convolutions of the forward, the image's gradient and the kernel's."""
    (size, stride, padding), shape, *channels = layer
    x = jnp.zeros((*shape, channels[0]))
    kernel = jnp.zeros((size, size, *channels))
    y = jax.eval_shape(lambda: plain(x, kernel, stride, padding))
    gradient = jnp.zeros(y.shape)
    programs = (
        jax.jit(lambda: convolutions.convolve(x, kernel, stride, padding)),
        jax.jit(
            lambda: convolutions.input_gradient(gradient, kernel, stride, padding, x.shape[1:3])
        ),
        jax.jit(lambda: convolutions.kernel_gradient(x, kernel, gradient, stride, padding)),
    )
    counts = [program.lower().compile().as_text().count(" convolution(") for program in programs]
    assert tuple(counts) == forms


def exported_convolutions(function, platform, *arguments):
    exported = jax.export.export(jax.jit(function), platforms=[platform])(*arguments)
    lines = exported.mlir_module().splitlines()
    return [line for line in lines if "stablehlo.convolution" in line]


@pytest.mark.parametrize("platform", ["cpu", "cuda", "tpu"])
@pytest.mark.parametrize(
    "layer", [((4, 2, 1), (4, 8, 8), 256, 128), ((4, 1, 0), (500, 4, 4), 5, 6)]
)
def test_maps_of_few_pixels_are_products_of_matrices_everywhere(platform, layer):
    x, kernel, gradient = draw(layer, "float32")
    _, stride, padding = layer[0]

    def step(x, kernel, gradient):
        return value_and_gradients(strided_conv, (stride, padding), x, kernel, gradient)

    assert not exported_convolutions(step, platform, x, kernel, gradient)


@pytest.mark.parametrize("platform", ["cuda", "tpu"])
def test_elsewhere_the_gradient_of_a_transposed_kernel_is_that_of_a_strided_one(platform):
    """A window with gaps for the kernel; only the forward has gaps between its inputs.

    Automatic differentiation has them in both, which is what jax-ml/jax#23783 is slow at.
    """
    _, kernel, x = draw(LAYERS[0], "float32")

    def energy(kernel):
        return jnp.sum(jnp.square(conv_transpose(x, kernel, 2, 1, 0)))

    windows = exported_convolutions(jax.grad(energy), platform, kernel)
    assert ["lhs_dilate" in window for window in windows] == [True, False]
    assert ["rhs_dilate" in window for window in windows] == [False, True]
