"""Convolution, transposed convolution and the gradients of both, each in its fastest form.

All of them consist of three functions: `convolve`, and its transposes with respect to the image
(`input_gradient`, which is also the forward pass of a transposed convolution) and to the kernel
(`kernel_gradient`). Each chooses one of the `forms` by shapes only. Maps of few pixels are matrix
products. Some of the others have a form for the CPU. The rest, and all images that are sharded by
height, use XLA's form. `benchmarks/layers.py` times both. The functions are jitted, so that they
are traced only once for all layers of the same shapes.

The derivatives of the three functions are the three functions again, so that all orders of
derivatives are fast. By automatic differentiation, some would be convolutions of reversed, dilated
operands, for which XLA has no fast path (jax-ml/jax#23783).
"""

import math
from collections.abc import Callable
from functools import partial

import jax

from jaxgan.networks.layers import convolution_forms as forms
from jaxgan.networks.layers import spatial
from jaxgan.networks.layers.convolution_forms import Image, Kernel, Windows
from jaxgan.networks.layers.platforms import on_cpu

# Measured on two cores with AVX-512 for the layers of the three papers, at 64x64 and 256x256.
FEW_WINDOWS = 256  # at most: reading a large kernel then takes longer than the arithmetic
LARGE_KERNEL = 2**19  # elements, at least
FEW_CHANNELS = 4  # at most: so few output channels leave the vector registers mostly empty
WIDE = 32  # channels, at least: a separate convolution per phase is then faster
SMALL_KERNEL = 2**11  # elements, at most: separate rows and phases then only lengthen the program


def strided_conv(x: Image, kernel: Kernel, stride: int, padding: int) -> Windows:
    """Convolve with equal zero padding on all four sides, unlike `SAME`."""
    return convolve(x, kernel, stride, padding)


def conv_transpose(
    x: Windows, kernel: Kernel, stride: int, padding: int, output_padding: int
) -> Image:
    """Apply the transpose of `strided_conv` with the same kernel, stride and padding.

    Args:
        x: Input; its channels are the last axis of `kernel`.
        kernel: Kernel of the strided convolution, in its HWIO layout.
        stride: Up-sampling factor.
        padding: Padding of the strided convolution.
        output_padding: Rows and columns to add at the bottom and right, which the strided
            convolution does not read.
    """
    rows, columns = (
        forms.enlarged(n, len(kernel), stride, padding, output_padding) for n in x.shape[1:3]
    )
    return input_gradient(x, kernel, stride, padding, (rows, columns))


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
@partial(jax.jit, static_argnums=(2, 3))
def convolve(x: Image, kernel: Kernel, stride: int, padding: int) -> Windows:
    """Return the value of `strided_conv`."""
    rows, columns = (forms.count_windows(n, len(kernel), stride, padding) for n in x.shape[1:3])
    if _is_small((len(x), rows, columns), kernel):
        return forms.matmul(x, kernel, stride, padding)
    form = forms.row_by_row if _makes_few_channels(kernel, stride) else forms.plain
    return on_cpu(form, forms.plain, x, kernel, stride=stride, padding=padding)


@partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4))
@partial(jax.jit, static_argnums=(2, 3, 4))
def input_gradient(
    gradient: Windows, kernel: Kernel, stride: int, padding: int, size: tuple[int, int]
) -> Image:
    """Return the transpose of `convolve` with respect to images of height and width `size`."""
    if _is_small(gradient.shape[:3], kernel):
        return forms.overlap(gradient, kernel, stride, padding, size)
    if _makes_few_channels(flipped := kernel[::-1, ::-1].swapaxes(2, 3), stride):
        return convolve(gradient, flipped, 1, len(kernel) - 1 - padding)
    in_phases = 1 < stride <= len(kernel) and kernel.shape[2] >= WIDE
    form = forms.phases if in_phases else forms.dilated_image
    return on_cpu(form, forms.dilated, gradient, kernel, stride=stride, padding=padding, size=size)


@partial(jax.custom_vjp, nondiff_argnums=(3, 4))
@partial(jax.jit, static_argnums=(3, 4))
def kernel_gradient(
    x: Image, kernel: Kernel, gradient: Windows, stride: int, padding: int
) -> Kernel:
    """Return the transpose of `convolve` with respect to the kernel; only its shape is used."""
    plain, form = _transposed(forms.plain), forms.polyphase
    if _is_small(gradient.shape[:3], kernel):
        plain = form = _transposed(forms.matmul)
    elif _makes_few_channels(kernel, stride):
        form = forms.row_by_row_kernel
    elif stride > 1 and kernel.size <= SMALL_KERNEL:
        form = forms.dilated_kernel

    def materialized(x, kernel, gradient, **geometry):
        # Without the barrier, XLA fuses their computation into the convolution, which is slow.
        x, gradient = jax.lax.optimization_barrier((x, gradient))
        return form(x, kernel, gradient, **geometry)

    return on_cpu(materialized, plain, x, kernel, gradient, stride=stride, padding=padding)


def _convolve_forward(x, kernel, stride, padding):
    return convolve(x, kernel, stride, padding), (x, kernel)


def _convolve_backward(stride, padding, residuals, cotangent):
    x, kernel = residuals
    return (
        input_gradient(cotangent, kernel, stride, padding, x.shape[1:3]),
        kernel_gradient(x, kernel, cotangent, stride, padding),
    )


def _input_gradient_forward(gradient, kernel, stride, padding, size):
    return input_gradient(gradient, kernel, stride, padding, size), (gradient, kernel)


def _input_gradient_backward(stride, padding, size, residuals, cotangent):
    gradient, kernel = residuals
    return (
        convolve(cotangent, kernel, stride, padding),
        kernel_gradient(cotangent, kernel, gradient, stride, padding),
    )


def _kernel_gradient_forward(x, kernel, gradient, stride, padding):
    return kernel_gradient(x, kernel, gradient, stride, padding), (x, gradient)


def _kernel_gradient_backward(stride, padding, residuals, cotangent):
    x, gradient = residuals
    return (
        input_gradient(gradient, cotangent, stride, padding, x.shape[1:3]),
        None,  # the values of the kernel are not used
        convolve(x, cotangent, stride, padding),
    )


convolve.defvjp(_convolve_forward, _convolve_backward)
input_gradient.defvjp(_input_gradient_forward, _input_gradient_backward)
kernel_gradient.defvjp(_kernel_gradient_forward, _kernel_gradient_backward)


def _transposed(conv: Callable[..., Windows]) -> Callable[..., Kernel]:
    """Return a function of images, any kernel and a gradient that computes the kernel gradient."""

    def transpose(x, kernel, gradient, **geometry):
        _, vjp = jax.vjp(partial(conv, x, **geometry), kernel)
        return vjp(gradient)[0]

    return transpose


def _is_small(windows: tuple[int, ...], kernel: Kernel) -> bool:
    # On CUDA, XLA would compute these as convolutions with a dilated kernel, for which it
    # transposes the kernel, its gradient and its Adam state.
    few = math.prod(windows) <= FEW_WINDOWS and kernel.size >= LARGE_KERNEL
    return (few or windows[1:] == (1, 1)) and spatial.parts() == 1


def _makes_few_channels(kernel: Kernel, stride: int) -> bool:
    few = kernel.shape[3] <= FEW_CHANNELS
    return stride == 1 and len(kernel) > 1 and few and kernel.size > SMALL_KERNEL
