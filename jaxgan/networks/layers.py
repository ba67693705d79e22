"""Convolutions and norms with the padding, defaults and initializers of the reference.

Kernels of `Conv` are HWIO. Kernels of `ConvTranspose` are those of the strided convolution it is
the transpose of, so (height, width, output channels, input channels).
"""

from functools import partial
from typing import Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.nn import initializers
from jax.nn.initializers import Initializer
from jaxtyping import Array, Float

Features = Float[Array, "batch height width channels"]
NewFeatures = Float[Array, "batch new_height new_width new_channels"]

InitializerName = Literal["normal", "xavier", "kaiming", "orthogonal"]
NormName = Literal["batch", "instance"]

EPSILON = 1e-5  # of both norms, PyTorch's default
MOMENTUM = 0.9  # of running statistics, the share that is kept
INIT_GAIN = 0.02  # DCGAN, section 4; the reference's `--init_gain`
INITIALIZERS: dict[InitializerName, Initializer] = {
    "normal": initializers.normal(INIT_GAIN),
    "xavier": initializers.variance_scaling(INIT_GAIN**2, "fan_avg", "normal"),
    "kaiming": initializers.variance_scaling(2.0, "fan_in", "normal"),
    "orthogonal": initializers.orthogonal(INIT_GAIN),
}


def strided_conv(
    x: Features, kernel: Float[Array, "size size channels new_channels"], stride: int, padding: int
) -> NewFeatures:
    """Convolve with equal zero padding on all four sides, which `SAME` does not give."""
    return jax.lax.conv_general_dilated(
        x,
        kernel,
        window_strides=(stride, stride),
        padding=((padding, padding), (padding, padding)),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )


@partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4))
def conv_transpose(
    x: Features,
    kernel: Float[Array, "size size new_channels channels"],
    stride: int,
    padding: int,
    output_padding: int,
) -> NewFeatures:
    """Apply the transpose of `strided_conv` with the same kernel, stride and padding.

    The gradients are those of that strided convolution. Left to automatic differentiation, the
    kernel's gradient becomes a convolution of reversed, dilated operands, for which XLA has no fast
    path (jax-ml/jax#23783).

    Args:
        x: Input; its channels are the last axis of `kernel`.
        kernel: Kernel of the strided convolution, in its HWIO layout.
        stride: Factor of enlargement.
        padding: Padding of the strided convolution.
        output_padding: Rows and columns to add at the bottom and right, which the strided
            convolution would leave unread.
    """
    low = kernel.shape[0] - 1 - padding
    return jax.lax.conv_general_dilated(
        x,
        kernel[::-1, ::-1],
        window_strides=(1, 1),
        padding=((low, low + output_padding), (low, low + output_padding)),
        lhs_dilation=(stride, stride),
        dimension_numbers=("NHWC", "HWOI", "NHWC"),
    )


def _conv_transpose_forward(x, kernel, stride, padding, output_padding):
    return conv_transpose(x, kernel, stride, padding, output_padding), (x, kernel)


def _conv_transpose_backward(stride, padding, output_padding, residuals, gradient):
    x, kernel = residuals
    conv = partial(strided_conv, gradient, stride=stride, padding=padding)
    x_gradient, kernel_vjp = jax.vjp(conv, kernel)
    return x_gradient, *kernel_vjp(x)


conv_transpose.defvjp(_conv_transpose_forward, _conv_transpose_backward)


class Conv(nn.Module):
    """A square convolution with equal zero padding on all sides.

    Attributes:
        features: Output channels.
        kernel_size: Height and width of the kernel.
        stride: Step between windows.
        padding: Zeros added on every side.
        use_bias: Whether to add a bias, zero at first.
        kernel_init: Initializer of the kernel.
    """

    features: int
    kernel_size: int
    stride: int = 1
    padding: int = 0
    use_bias: bool = True
    kernel_init: Initializer = INITIALIZERS["normal"]

    @nn.compact
    def __call__(self, x: Features) -> NewFeatures:
        """Return the convolved input."""
        shape = (self.kernel_size, self.kernel_size, x.shape[-1], self.features)
        x = strided_conv(
            x, self.param("kernel", self.kernel_init, shape), self.stride, self.padding
        )
        if self.use_bias:
            x += self.param("bias", nn.initializers.zeros, (self.features,)).reshape(1, 1, 1, -1)
        return x


class ConvTranspose(nn.Module):
    """A square transposed convolution, see `conv_transpose`; attributes as in `Conv`."""

    features: int
    kernel_size: int
    stride: int = 1
    padding: int = 0
    output_padding: int = 0
    use_bias: bool = True
    kernel_init: Initializer = INITIALIZERS["normal"]

    @nn.compact
    def __call__(self, x: Features) -> NewFeatures:
        """Return the enlarged input."""
        shape = (self.kernel_size, self.kernel_size, self.features, x.shape[-1])
        x = conv_transpose(
            x,
            self.param("kernel", self.kernel_init, shape),
            self.stride,
            self.padding,
            self.output_padding,
        )
        if self.use_bias:
            x += self.param("bias", nn.initializers.zeros, (self.features,)).reshape(1, 1, 1, -1)
        return x


class Norm(nn.Module):
    """Batch norm, or instance norm without affine parameters, as the reference sets them.

    Batch norm keeps running statistics in the collection `batch_stats`, with momentum 0.9 (PyTorch
    calls it 0.1) and, as in PyTorch and unlike Flax, the unbiased variance; its scale starts at
    N(1, 0.02). Both use epsilon 1e-5.

    Attributes:
        kind: Which of the two.
    """

    kind: NormName

    @nn.compact
    def __call__(self, x: Features, *, use_running_average: bool) -> Features:
        """Normalize; only batch norm has running averages to use."""
        if self.kind == "instance":
            return nn.InstanceNorm(
                epsilon=EPSILON, use_bias=False, use_scale=False, use_fast_variance=False
            )(x)
        shape = (x.shape[-1],)
        scale = self.param("scale", lambda *args: 1 + INITIALIZERS["normal"](*args), shape)
        bias = self.param("bias", initializers.zeros, shape)
        running_mean = self.variable("batch_stats", "mean", jnp.zeros, shape)
        running_variance = self.variable("batch_stats", "var", jnp.ones, shape)
        if use_running_average:
            mean, variance = running_mean.value, running_variance.value
        else:
            mean = x.mean(axis=(0, 1, 2))
            variance = jnp.mean(jnp.square(x - mean.reshape(1, 1, 1, -1)), axis=(0, 1, 2))
            if not self.is_initializing():
                count = x.size // x.shape[-1]
                unbiased = variance * (count / max(count - 1, 1))
                running_mean.value = MOMENTUM * running_mean.value + (1 - MOMENTUM) * mean
                running_variance.value = (
                    MOMENTUM * running_variance.value + (1 - MOMENTUM) * unbiased
                )
        factor = scale * jax.lax.rsqrt(variance + EPSILON)
        centered = x - mean.reshape(1, 1, 1, -1)
        return centered * factor.reshape(1, 1, 1, -1) + bias.reshape(1, 1, 1, -1)


def reflect_pad(x: Features, padding: int) -> NewFeatures:
    """Mirror so many rows and columns over every edge, without repeating the edge itself."""
    return jnp.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)), mode="reflect")


def leaky_relu(x: Features) -> Features:
    """Leaky ReLU with slope 0.2 (DCGAN, section 4; Flax's own default is 0.01)."""
    return jax.nn.leaky_relu(x, 0.2)


def concat_channels(*images: Float[Array, "batch height width _"]) -> Features:
    """Stack feature maps of equal size along the channels."""
    return jnp.concatenate(images, axis=-1)
