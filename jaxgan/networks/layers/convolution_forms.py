"""Forms of a convolution and of its transposes, which are equal up to rounding.

All kernels are those of the strided convolution, in HWIO layout. `size` is the height and width of
the images that a transpose returns.

The forms for the CPU transpose their operands to NHWC and HWIO. XLA also does this, but only
outside conditionals and loops. Inside, other layouts are up to 40 times slower (jax-ml/jax#12868).
"""

from collections.abc import Sequence
from functools import reduce
from typing import Any

import jax
import jax.numpy as jnp
from jax.lax import conv_general_dilated, slice_in_dim
from jaxtyping import Array, Float

Image = Float[Array, "batch height width channels"]
Kernel = Float[Array, "tall wide channels new_channels"]
Windows = Float[Array, "batch rows columns new_channels"]
Length = Any  # of an axis: an int, or a symbolic dimension of `jax.export`


def plain(x: Image, kernel: Kernel, stride: int, padding: int) -> Windows:
    """Return XLA's convolution."""
    return conv_general_dilated(
        x,
        kernel,
        window_strides=(stride, stride),
        padding=((padding, padding), (padding, padding)),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )


def plain_transpose(
    x: Windows, kernel: Kernel, stride: int, padding: int, output_padding: int
) -> Image:
    """Return `convolutions.conv_transpose` as XLA computes it, with automatic gradients."""
    size = [enlarged(n, len(kernel), stride, padding, output_padding) for n in x.shape[1:3]]
    return dilated(x, kernel, stride, padding, size)


def matmul(x: Image, kernel: Kernel, stride: int, padding: int) -> Windows:
    """Convolve by a matrix product of all windows and the kernel."""
    windows, size = _pad(x, padding), len(kernel)
    for axis in (1, 2):
        count, used = _used(x.shape[axis], size, stride, padding)
        span = (count - 1) * stride + 1
        parts = [slice_in_dim(windows, tap, tap + span, stride, axis) for tap in used]
        windows = jnp.stack(parts, axis=2 + axis)
        kernel = slice_in_dim(kernel, used.start, used.stop, axis=axis - 1)
    rows = windows.reshape(-1, kernel[..., 0].size)
    return (rows @ kernel.reshape(rows.shape[1], -1)).reshape(*windows.shape[:3], -1)


def row_by_row(x: Image, kernel: Kernel, stride: int, padding: int) -> Windows:
    """Convolve with each row of the kernel as if it had its own channels, and add these up."""
    assert stride == 1
    size, _, channels, new_channels = kernel.shape
    side_by_side = kernel.transpose(1, 2, 0, 3).reshape(1, size, channels, -1)
    y = plain(_pad(x, padding), side_by_side, 1, 0)
    y = y.reshape(*y.shape[:3], size, new_channels)
    count = y.shape[1] - size + 1
    return reduce(jnp.add, [y[:, row : row + count, :, row] for row in range(size)])


def row_by_row_kernel(
    x: Image, kernel: Kernel, gradient: Windows, stride: int, padding: int
) -> Kernel:
    """Return the kernel gradient of `row_by_row`."""
    assert stride == 1
    size, _, channels, new_channels = kernel.shape
    edges = [((0, 0), (row, size - 1 - row), (0, 0), (0, 0)) for row in range(size)]
    side_by_side = jnp.concatenate([jnp.pad(gradient, edge) for edge in edges], axis=-1)
    y = plain(_pad(x, padding).transpose(3, 1, 2, 0), side_by_side.transpose(1, 2, 0, 3), 1, 0)
    return y.reshape(channels, size, size, new_channels).transpose(2, 1, 0, 3)


def polyphase(x: Image, kernel: Kernel, gradient: Windows, stride: int, padding: int) -> Kernel:
    """Return the kernel gradient, computed separately for each phase of the kernel.

    A phase is the taps that touch the same stride-th pixels. XLA's own form dilates `gradient`.
    """
    size, (rows, columns) = len(kernel), gradient.shape[1:3]
    x, gradient = _pad(x, padding), gradient.transpose(1, 2, 0, 3)
    longest = -(-size // stride)

    def part(i, j):
        tall, wide = (len(range(phase, size, stride)) for phase in (i, j))
        seen = x[:, i::stride, j::stride][:, : rows + tall - 1, : columns + wide - 1]
        # Without the barrier, XLA undoes padding and slicing.
        seen = jax.lax.optimization_barrier(seen)
        y = plain(seen.transpose(3, 1, 2, 0), gradient, 1, 0)
        return jnp.pad(y, ((0, 0), (0, longest - tall), (0, longest - wide), (0, 0)))

    phases = range(min(stride, size))
    parts = [jnp.stack([part(i, j) for j in phases], axis=3) for i in phases]
    whole = jnp.stack(parts, axis=2).reshape(x.shape[-1], *2 * (longest * len(phases),), -1)
    return whole[:, :size, :size].transpose(1, 2, 0, 3)


def dilated_kernel(
    x: Image, kernel: Kernel, gradient: Windows, stride: int, padding: int
) -> Kernel:
    """Return the kernel gradient, by a convolution with the dilated gradient."""
    unused = [(n + 2 * padding - len(kernel)) % stride for n in x.shape[1:3]]
    y = conv_general_dilated(
        x.transpose(3, 1, 2, 0),
        gradient.transpose(1, 2, 0, 3),
        window_strides=(1, 1),
        padding=[(padding, padding - rows) for rows in unused],
        rhs_dilation=(stride, stride),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )
    return y.transpose(1, 2, 0, 3)


def dilated(
    gradient: Windows, kernel: Kernel, stride: int, padding: int, size: Sequence[Length]
) -> Image:
    """Return the input gradient as XLA computes it, by a convolution of the dilated gradient."""
    return _dilated(gradient, kernel[::-1, ::-1], "HWOI", stride, padding, size)


def dilated_image(
    gradient: Windows, kernel: Kernel, stride: int, padding: int, size: Sequence[Length]
) -> Image:
    """Return `dilated` in the layout for the CPU."""
    flipped = kernel[::-1, ::-1].swapaxes(2, 3)
    return _dilated(gradient, flipped, "HWIO", stride, padding, size)


def _dilated(
    gradient: Windows,
    flipped: Float[Array, "tall wide _ _"],
    layout: str,
    stride: int,
    padding: int,
    size: Sequence[Length],
) -> Image:
    low = len(flipped) - 1 - padding
    spans = [(rows - 1) * stride + 1 for rows in gradient.shape[1:3]]
    return conv_general_dilated(
        gradient,
        flipped,
        window_strides=(1, 1),
        padding=[(low, n - span + padding) for n, span in zip(size, spans, strict=True)],
        lhs_dilation=(stride, stride),
        dimension_numbers=("NHWC", layout, "NHWC"),
    )


def phases(
    gradient: Windows, kernel: Kernel, stride: int, padding: int, size: Sequence[int]
) -> Image:
    """Return the input gradient, by one dense convolution per output phase (sub-pixel form)."""
    counts = [-(-n // stride) for n in size]

    def part(axis, phase):
        """Return a phase's slice of the kernel and padding of the gradient, along an axis."""
        ahead, first = divmod(phase + padding, stride)
        before = len(range(first, len(kernel), stride)) - 1 - ahead
        return slice(first, None, stride), (before, counts[axis] + ahead - gradient.shape[1 + axis])

    def convolve_phase(i, j):
        (rows, row_padding), (columns, column_padding) = part(0, i), part(1, j)
        return conv_general_dilated(
            gradient,
            kernel[rows, columns][::-1, ::-1].swapaxes(2, 3),
            window_strides=(1, 1),
            padding=(row_padding, column_padding),
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )

    rows = [jnp.stack([convolve_phase(i, j) for j in range(stride)], axis=3) for i in range(stride)]
    y = jnp.stack(rows, axis=2).reshape(len(gradient), *(stride * n for n in counts), -1)
    return y[:, : size[0], : size[1]]


def overlap(
    gradient: Windows, kernel: Kernel, stride: int, padding: int, size: Sequence[int]
) -> Image:
    """Return the input gradient by the transpose of `matmul`, which adds up overlapping windows."""
    batch, rows, columns, new_channels = gradient.shape
    (_, tall), (_, wide) = (_used(n, len(kernel), stride, padding) for n in size)
    kernel = kernel[tall.start : tall.stop, wide.start : wide.stop]
    dtype = jnp.promote_types(gradient.dtype, jnp.float32)  # of the sums, as in a convolution
    operands = gradient.reshape(-1, new_channels), kernel.reshape(-1, new_channels).T
    y = jnp.matmul(*operands, preferred_element_type=dtype)
    y = y.reshape(batch, rows, columns, len(tall), len(wide), -1)
    for axis, used in ((2, wide), (1, tall)):
        count, length = y.shape[axis], size[axis - 1]
        places = []
        for number, tap in enumerate(used):
            low = tap - padding
            edges = [(0, 0, 0)] * (y.ndim - 1)
            edges[axis] = (low, length - low - ((count - 1) * stride + 1), stride - 1)
            part = jax.lax.index_in_dim(y, number, axis + 2, keepdims=False)
            places.append(jax.lax.pad(part, jnp.zeros((), y.dtype), edges))
        y = reduce(jnp.add, places)
    return y.astype(gradient.dtype)


def _pad(x: Image, padding: int) -> Float[Array, "batch tall wide channels"]:
    return jnp.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))


def count_windows(length: int, size: int, stride: int, padding: int) -> int:
    """Return the number of windows along an axis."""
    return (length + 2 * padding - size) // stride + 1


def enlarged(count: Length, size: int, stride: int, padding: int, output_padding: int) -> Length:
    """Return the length of an axis with `count` windows."""
    return (count - 1) * stride + size - 2 * padding + output_padding


def _used(length: int, size: int, stride: int, padding: int) -> tuple[int, range]:
    """Return the number of windows along an axis, and the taps that touch any image pixel."""
    count = count_windows(length, size, stride, padding)
    first = max(0, padding - (count - 1) * stride)
    return count, range(first, min(size, padding + length))
