"""Adversarial losses, the L1 distance and statistics of images. Losses are means over elements."""

from collections.abc import Callable
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

Logits = Float[Array, "*shape"]
Scalar = Float[Array, ""]


class AdversarialLoss(NamedTuple):
    """One formulation of the adversarial losses, as functions of the discriminator's logits.

    Attributes:
        real: Loss of the discriminator on real images.
        fake: Loss of the discriminator on generated images.
        generator: Loss of the generator, given the logits of generated images.
        boundary: Decision boundary: larger logits mean real, smaller ones fake.
    """

    real: Callable[[Logits], Scalar]
    fake: Callable[[Logits], Scalar]
    generator: Callable[[Logits], Scalar]
    boundary: float

    def accuracy(self, name: str, real: Logits, fake: Logits) -> dict[str, Scalar]:
        """Return the accuracies of the discriminator `name` on real and on fake images."""
        return {
            f"accuracy/{name}_real": jnp.mean(real > self.boundary),
            f"accuracy/{name}_fake": jnp.mean(fake < self.boundary),
        }


AdversarialLossName = Literal["vanilla", "least_squares", "hinge"]

ADVERSARIAL_LOSSES: dict[AdversarialLossName, AdversarialLoss] = {
    # Goodfellow et al. 2014, section 3, with the non-saturating generator loss; from logits.
    "vanilla": AdversarialLoss(
        real=lambda logits: jnp.mean(jax.nn.softplus(-logits)),
        fake=lambda logits: jnp.mean(jax.nn.softplus(logits)),
        generator=lambda logits: jnp.mean(jax.nn.softplus(-logits)),
        boundary=0.0,
    ),
    # Mao et al. 2017, equation 9 (labels 0 and 1), without its factor 1/2, as in CycleGAN.
    "least_squares": AdversarialLoss(
        real=lambda logits: jnp.mean((logits - 1) ** 2),
        fake=lambda logits: jnp.mean(logits**2),
        generator=lambda logits: jnp.mean((logits - 1) ** 2),
        boundary=0.5,
    ),
    # Lim & Ye 2017; Miyato et al. 2018, equations 16 and 17.
    "hinge": AdversarialLoss(
        real=lambda logits: jnp.mean(jax.nn.relu(1 - logits)),
        fake=lambda logits: jnp.mean(jax.nn.relu(1 + logits)),
        generator=lambda logits: -jnp.mean(logits),
        boundary=0.0,
    ),
}


def l1(a: Float[Array, "*shape"], b: Float[Array, "*shape"]) -> Scalar:
    """Return the mean absolute difference."""
    return jnp.mean(jnp.abs(a - b))


def diversity(
    fake: Float[Array, "batch height width channels"],
    real: Float[Array, "batch height width channels"],
) -> Scalar:
    """Return the diversity of generated images relative to real ones.

    It is the root mean square distance between two generated images of a batch, divided by that
    between two real ones. Near 0 the generator has collapsed to a single image.
    """

    def spread(images):  # the distance is a fixed multiple of this
        return jnp.sqrt(jnp.mean(images.var(axis=0)))

    return spread(fake) / jnp.maximum(spread(real), 1e-12)


def correlation(
    a: Float[Array, "batch height width _"], b: Float[Array, "batch height width _"]
) -> Scalar:
    """Return the correlation of the brightness of corresponding pixels, in [-1, 1]."""
    x, y = (images.mean(-1) - images.mean() for images in (a, b))
    return jnp.sum(x * y) / jnp.maximum(jnp.sqrt(jnp.sum(x**2) * jnp.sum(y**2)), 1e-12)
