"""Gradient penalties for discriminators."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Integer

from jaxgan.methods.losses import Logits, Scalar

Seen = Float[Array, "batch height width _"]


def gradient_penalty(judge: Callable[[Seen], Logits], images: Seen) -> Scalar:
    """Return half the mean squared norm of the gradient of a discriminator at images.

    On real images this is R1, on generated ones R2 (Mescheder et al. 2018, arXiv 1801.04406,
    equations 9 and 10), without their weight gamma. The output for an image is the mean of its
    logits, one for each patch.

    Args:
        judge: Returns the logits of images, `[batch, ...]`.
        images: The images.
    """

    def total(images):
        logits = judge(images)
        return jnp.sum(logits) / (logits.size / len(logits))  # images are independent

    gradient = jax.grad(total)(images)
    return jnp.sum(jnp.square(gradient)) / (2 * len(images))


def lazy_gradient_penalty(
    judge: Callable[[Seen], Logits], images: Seen, every: int, step: Integer[Array, ""]
) -> Scalar:
    """Return `every` times the `gradient_penalty` at every `every`-th step, and 0 at the others.

    The average is that of the penalty at all steps (Karras et al. 2020, arXiv 1912.04958, section
    3.1), and the other steps do not compute it.
    """
    if every == 1:
        return gradient_penalty(judge, images)
    return jax.lax.cond(
        step % every == 0,
        lambda: every * gradient_penalty(judge, images),
        lambda: jnp.zeros(()),
    )
