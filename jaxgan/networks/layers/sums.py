"""Sums over the pixels of features, in their fastest form.

On the CPU a large map is split into equal parts, which are added up, repeatedly until it is small.
XLA compiles each round to one loop over memory, fused with the computation of the summands.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgan.networks.layers.compute import widen
from jaxgan.networks.layers.platforms import on_cpu

Features = Float[Array, "batch height width channels"]
Channels = Float[Array, " channels"]
Sums = Float[Array, "images 1 1 channels"]  # per image, or one for all images

FOLD = 8  # parts that are added up at once; 32 is faster in isolation but slower within a step
SMALL_SUM = 2**14  # elements up to which XLA's own sum is as fast


@partial(jax.jit, static_argnames="per_image")
def total(x: Features, per_image: bool) -> Sums:
    """Return the sum over pixels and, unless `per_image`, over images."""
    return on_cpu(_folded, _plain_sum, x, per_image=per_image)


def _plain_sum(x: Features, per_image: bool) -> Sums:
    return x.sum(axis=(1, 2) if per_image else (0, 1, 2), keepdims=True)


def _folded(x: Features, per_image: bool) -> Sums:
    sums = x.reshape(len(x) if per_image else 1, -1, x.shape[-1])
    while sums.size > SMALL_SUM and sums.shape[1] >= FOLD:
        even = sums.shape[1] - sums.shape[1] % FOLD
        parts = sums[:, :even].reshape(len(sums), FOLD, -1, x.shape[-1])
        # Without the barrier, XLA fuses two rounds into one slow loop.
        folded = jax.lax.optimization_barrier(parts.sum(axis=1))
        sums = jnp.concatenate((folded, sums[:, even:]), axis=1)
    return sums.sum(axis=1)[:, None, None]


@jax.custom_vjp
def add_bias(x: Features, bias: Channels) -> Features:
    """Add a bias to every channel; the gradient of the bias is a `total`."""
    return x + bias.reshape(1, 1, 1, -1)


def _add_bias_backward(_, gradient):
    summed = total(widen(gradient), per_image=False)
    return gradient, summed.reshape(-1).astype(gradient.dtype)


add_bias.defvjp(lambda x, bias: (add_bias(x, bias), None), _add_bias_backward)
