"""Normalization of features."""

from functools import partial

import jax
import jax.numpy as jnp

from jaxgan.networks.layers.sums import Channels, Features, Sums, total

EPSILON = 1e-5  # for both norms, PyTorch's default


@partial(jax.jit, static_argnames="per_image")
def _normalize(
    x: Features, scale: Channels, bias: Channels, per_image: bool
) -> tuple[Features, Sums, Sums]:
    """Normalize every channel to mean `bias` and standard deviation `scale`.

    The gradient of the features uses the same sums as the gradients of scale and bias.

    Args:
        x: Features.
        scale: Standard deviation of each channel after normalization.
        bias: Mean of each channel after normalization.
        per_image: Whether to normalize each image separately (instance norm; Ulyanov et al. 2016,
            arXiv 1607.08022, equation 3) or the whole batch (batch norm; Ioffe & Szegedy 2015,
            arXiv 1502.03167, algorithm 1).

    Returns:
        The normalized features, and the mean and (biased) variance, through which no gradient
        flows.
    """
    count = x.size // x.shape[-1] // (len(x) if per_image else 1)
    mean = total(x, per_image) / count
    variance = total(jnp.square(x - mean), per_image) / count
    return affine(standardize(x, mean, variance), scale, bias), mean, variance


def _normalize_forward(x, scale, bias, per_image):
    y, mean, variance = _normalize(x, scale, bias, per_image)
    return (y, mean, variance), (x, scale, mean, variance)


@partial(jax.jit, static_argnums=0)
def _normalize_backward(per_image, residuals, gradients):
    x, scale, mean, variance = residuals
    gradient, _, _ = gradients
    standardized = standardize(x, mean, variance)
    across, along = total(gradient, per_image), total(gradient * standardized, per_image)
    count = x.size // mean.size
    factor = scale.reshape(1, 1, 1, -1) * jax.lax.rsqrt(variance + EPSILON)
    x_gradient = factor * (gradient - across / count - along / count * standardized)
    return x_gradient, along.sum(axis=(0, 1, 2)), across.sum(axis=(0, 1, 2))


normalize = jax.custom_vjp(_normalize, nondiff_argnums=(3,))
normalize.defvjp(_normalize_forward, _normalize_backward)


def plain(
    x: Features, scale: Channels, bias: Channels, per_image: bool
) -> tuple[Features, Sums, Sums]:
    """Return `normalize` as XLA computes it, with automatic gradients."""
    axes = (1, 2) if per_image else (0, 1, 2)
    mean, variance = (f(x, axis=axes, keepdims=True) for f in (jnp.mean, jnp.var))
    return affine(standardize(x, mean, variance), scale, bias), mean, variance


def standardize(x: Features, mean: Sums, variance: Sums) -> Features:
    """Subtract a mean and divide by the square root of a variance."""
    return (x - mean) * jax.lax.rsqrt(variance + EPSILON)


def affine(x: Features, scale: Channels, bias: Channels) -> Features:
    """Multiply channels by a scale, and add a bias."""
    return x * scale.reshape(1, 1, 1, -1) + bias.reshape(1, 1, 1, -1)
