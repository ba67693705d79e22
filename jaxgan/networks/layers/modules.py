"""Convolutions and norms with the padding, defaults and initializers of the reference.

Kernels of `Conv` are HWIO. Kernels of `ConvTranspose` are those of the strided convolution that it
transposes: (height, width, output channels, input channels).
"""

from collections.abc import Callable
from functools import partial
from typing import Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.nn import initializers
from jax.nn.initializers import Initializer
from jaxtyping import Array, Float

from jaxgan.networks.layers import convolution_forms as forms
from jaxgan.networks.layers import convolutions, norms
from jaxgan.networks.layers.compute import Compute, widen
from jaxgan.networks.layers.spatial import gather_rows
from jaxgan.networks.layers.sums import add_bias

Features = Float[Array, "batch height width channels"]
NewFeatures = Float[Array, "batch new_height new_width new_channels"]

InitializerName = Literal["normal", "xavier", "kaiming", "orthogonal"]
NormName = Literal["batch", "instance"]
DiscriminatorNormName = Literal["batch", "instance", "spectral", "none"]
UpsampleName = Literal["transpose", "resize"]

MOMENTUM = 0.9  # share of the running statistics that an update keeps
INIT_GAIN = 0.02  # DCGAN, section 4; the reference's `--init_gain`
INITIALIZERS: dict[InitializerName, Initializer] = {
    "normal": initializers.normal(INIT_GAIN),
    "xavier": initializers.variance_scaling(INIT_GAIN**2, "fan_avg", "normal"),
    "kaiming": initializers.variance_scaling(2.0, "fan_in", "normal"),
    "orthogonal": initializers.orthogonal(INIT_GAIN),
}


class Conv(nn.Module):
    """A square convolution with equal zero padding on all sides.

    Attributes:
        features: Output channels.
        kernel_size: Height and width of the kernel.
        stride: Step between windows.
        padding: Zeros added on every side.
        use_bias: Whether to add a bias, which is initially zero.
        kernel_init: Initializer of the kernel.
        compute: Compute settings.
    """

    features: int
    kernel_size: int
    stride: int = 1
    padding: int = 0
    use_bias: bool = True
    kernel_init: Initializer = INITIALIZERS["normal"]
    compute: Compute = Compute()

    @nn.compact
    def __call__(self, x: Features) -> NewFeatures:
        """Return the convolved input."""
        shape = (self.kernel_size, self.kernel_size, x.shape[-1], self.features)
        kernel = self.compute.cast(self.param("kernel", self.kernel_init, shape))
        plainly = self.compute.plain_layers
        conv = forms.plain if plainly else convolutions.strided_conv
        x = self.compute.cast(gather_rows(x))
        x = gather_rows(_convolve(self, conv, x, kernel, self.stride, self.padding))
        return _add_bias(self, x) if self.use_bias else x


class ConvTranspose(nn.Module):
    """A square `convolutions.conv_transpose`; other attributes are as in `Conv`."""

    features: int
    kernel_size: int
    stride: int = 1
    padding: int = 0
    output_padding: int = 0
    use_bias: bool = True
    kernel_init: Initializer = INITIALIZERS["normal"]
    compute: Compute = Compute()

    @nn.compact
    def __call__(self, x: Features) -> NewFeatures:
        """Return the up-sampled input."""
        shape = (self.kernel_size, self.kernel_size, self.features, x.shape[-1])
        kernel = self.compute.cast(self.param("kernel", self.kernel_init, shape))
        plainly = self.compute.plain_layers
        conv = forms.plain_transpose if plainly else convolutions.conv_transpose
        x = self.compute.cast(gather_rows(x))
        x = _convolve(self, conv, x, kernel, self.stride, self.padding, self.output_padding)
        return _add_bias(self, x) if self.use_bias else x


class ResizeConv(nn.Module):
    """Nearest-neighbor resizing to twice the size, then a 3x3 convolution with zero padding.

    Every output pixel sees the same number of inputs, which avoids checkerboard patterns (Odena et
    al. 2016). Computed as one transposed convolution on the small input, whose 4x4 kernel holds
    each tap spread over 2x2 pixels; this takes 4/9 of the multiplications.

    Attributes:
        features: Output channels.
        use_bias: Whether to add a bias, which is initially zero.
        kernel_init: Initializer of the kernel.
        compute: Compute settings.
    """

    features: int
    use_bias: bool = True
    kernel_init: Initializer = INITIALIZERS["normal"]
    compute: Compute = Compute()

    @nn.compact
    def __call__(self, x: Features) -> NewFeatures:
        """Return the resized and convolved input."""
        kernel = self.param("kernel", self.kernel_init, (3, 3, self.features, x.shape[-1]))
        rows = jnp.pad(kernel, ((1, 1), (0, 0), (0, 0), (0, 0)))
        columns = jnp.pad(rows[:-1] + rows[1:], ((0, 0), (1, 1), (0, 0), (0, 0)))
        spread = columns[:, :-1] + columns[:, 1:]
        plainly = self.compute.plain_layers
        conv = forms.plain_transpose if plainly else convolutions.conv_transpose
        x, spread = self.compute.cast(gather_rows(x)), self.compute.cast(spread)
        x = _convolve(self, conv, x, spread, 2, 1, 0)
        return _add_bias(self, x) if self.use_bias else x


def _convolve(
    layer: Conv | ConvTranspose | ResizeConv,
    conv: Callable[..., NewFeatures],
    x: Features,
    kernel: Float[Array, "size size _ _"],
    *geometry: int,
) -> NewFeatures:
    """Apply a convolution, with zero channels added if the compute settings say so."""
    if not layer.compute.pad_channels:
        return conv(x, kernel, *geometry)
    wide_kernel = _fill_channels(_fill_channels(kernel, 2), 3)
    return conv(_fill_channels(x, 3), wide_kernel, *geometry)[..., : layer.features]


def _fill_channels(x: Float[Array, "_ _ _ _"], axis: int) -> Float[Array, "_ _ _ _"]:
    """Append zeros to an axis of fewer than 8 channels."""
    missing = max(0, 8 - x.shape[axis])
    return jnp.pad(x, [(0, missing if axis == each else 0) for each in range(4)])


def _add_bias(layer: Conv | ConvTranspose | ResizeConv, x: Features) -> Features:
    bias = layer.compute.cast(layer.param("bias", initializers.zeros, (x.shape[-1],)))
    return x + bias.reshape(1, 1, 1, -1) if layer.compute.plain_layers else add_bias(x, bias)


class Norm(nn.Module):
    """Batch norm, or instance norm without affine parameters, as in the reference.

    Batch norm keeps running statistics in the collection `batch_stats`, with momentum 0.9 (PyTorch
    calls it 0.1) and, as in PyTorch and unlike Flax, the unbiased variance; its scale starts at
    N(1, 0.02). Both use epsilon 1e-5 and are computed in at least float32.

    Attributes:
        kind: `batch` or `instance`.
        compute: Compute settings.
    """

    kind: NormName
    compute: Compute = Compute()

    @nn.compact
    def __call__(self, x: Features, *, use_running_average: bool) -> Features:
        """Return normalized features; only batch norm can use running averages."""
        dtype, shape, x = x.dtype, (x.shape[-1],), widen(x)
        normalize = norms.plain if self.compute.plain_layers else norms.normalize
        if self.kind == "instance":
            # Derived from x so that `shard_map` treats them as device-varying, like x.
            one, zero = jnp.ones_like(x, shape=shape), jnp.zeros_like(x, shape=shape)
            return normalize(x, one, zero, True)[0].astype(dtype)
        scale = self.param("scale", lambda *args: 1 + INITIALIZERS["normal"](*args), shape)
        bias = self.param("bias", initializers.zeros, shape)
        running_mean = self.variable("batch_stats", "mean", jnp.zeros, shape)
        running_variance = self.variable("batch_stats", "var", jnp.ones, shape)
        if use_running_average:
            running = (running_mean, running_variance)
            mean, variance = (each.value.reshape(1, 1, 1, -1) for each in running)
            y = norms.affine(norms.standardize(x, mean, variance), scale, bias)
            return y.astype(dtype)
        y, mean, variance = normalize(x, scale, bias, False)
        if not self.is_initializing():
            count = x.size // x.shape[-1]
            unbiased = variance * (count / max(count - 1, 1))
            for running, latest in ((running_mean, mean), (running_variance, unbiased)):
                latest = latest.reshape(-1)
                running.value = MOMENTUM * running.value + (1 - MOMENTUM) * latest
        return y.astype(dtype)


def block(
    module: nn.Module, compute: Compute, function: Callable[[Features], NewFeatures], x: Features
) -> NewFeatures:
    """Apply a function of a module's submodules, recomputed in the backward pass with `remat`."""
    if not compute.remat:
        return function(x)
    return nn.remat(lambda _, x: function(x))(module, x)


def reflect_pad(x: Features, padding: int, compute: Compute) -> NewFeatures:
    """Pad by reflection on all sides, without repeating the edge."""
    return (_gather_pad if compute.gather_padding else _concatenate_pad)(x, padding)


def _concatenate_pad(x: Features, padding: int) -> NewFeatures:
    return jnp.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)), mode="reflect")


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def _gather_pad(x: Features, padding: int) -> NewFeatures:
    def positions(length):  # `length` can be a symbolic dimension
        positions = jnp.abs(jnp.arange(length + 2 * padding) - padding)
        return length - 1 - jnp.abs(length - 1 - positions)

    return x[:, positions(x.shape[1])[:, None], positions(x.shape[2])]


def _gather_pad_forward(x, padding):
    return _gather_pad(x, padding), x.shape


def _gather_pad_backward(padding, shape, gradient):
    # The transpose of a gather is a scatter, which is slow.
    x = jax.ShapeDtypeStruct(shape, gradient.dtype)
    return jax.linear_transpose(partial(_concatenate_pad, padding=padding), x)(gradient)


_gather_pad.defvjp(_gather_pad_forward, _gather_pad_backward)


def leaky_relu(x: Features) -> Features:
    """Leaky ReLU with slope 0.2 (DCGAN, section 4; Flax's default is 0.01)."""
    return jax.nn.leaky_relu(x, 0.2)


def concat_channels(*images: Float[Array, "batch height width _"]) -> Features:
    """Concatenate feature maps of equal size along the channels."""
    return jnp.concatenate(images, axis=-1)
