"""Sums over the pixels of features, in their fastest form.

On the CPU a large map is added up in parts of equal size, again and again until it is small. XLA
makes one loop over memory of each round, and computes on the way what is to be added up.
"""

from functools import reduce

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgan.networks.compute import widen
from jaxgan.networks.platforms import on_cpu

Features = Float[Array, "batch height width channels"]
Channels = Float[Array, " channels"]
Sums = Float[Array, "images 1 1 channels"]  # of each image, or a single one of all

FOLD = 8  # parts that are added up at once; twice as many take XLA two to three times as long
SMALL = 2**16  # numbers up to which XLA's own sum is fast enough


def total(x: Features, per_image: bool) -> Sums:
    """Sum over pixels, and over images too unless it is for each of them."""
    return on_cpu(_folded, _plain_sum, x, per_image=per_image)


def _plain_sum(x: Features, per_image: bool) -> Sums:
    return x.sum(axis=(1, 2) if per_image else (0, 1, 2), keepdims=True)


def _folded(x: Features, per_image: bool) -> Sums:
    sums = x.reshape(len(x) if per_image else 1, 1, -1, x.shape[-1])
    while sums.size > SMALL and sums.shape[2] >= FOLD:
        count = sums.shape[2] // FOLD
        parts = [sums[:, :, part * count : (part + 1) * count] for part in range(FOLD)]
        rest = sums[:, :, FOLD * count :]
        # XLA would make a slow loop of two rounds.
        sums = jax.lax.optimization_barrier(reduce(jnp.add, parts))
        if rest.size:
            sums = jnp.concatenate((sums, rest), axis=2)
    return sums.sum(axis=2, keepdims=True)


@jax.custom_vjp
def add_bias(x: Features, bias: Channels) -> Features:
    """Add a number to every channel; the gradient of that number is a `total`."""
    return x + bias.reshape(1, 1, 1, -1)


def _add_bias_backward(_, gradient):
    summed = total(widen(gradient), per_image=False)
    return gradient, summed.reshape(-1).astype(gradient.dtype)


add_bias.defvjp(lambda x, bias: (add_bias(x, bias), None), _add_bias_backward)
