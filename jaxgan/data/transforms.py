"""Augmentation on the device, inside the jitted step."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

from jaxgan.images import from_uint8
from jaxgan.types import Batch, RawBatch


def crop_and_flip(raw: RawBatch, key: PRNGKeyArray, *, crop_size: int, flip: bool) -> Batch:
    """Crop images at random places and mirror half of them, then map them to [-1, 1].

    Images of one example, under different names, are treated alike.

    Args:
        raw: Images of at least `crop_size`.
        key: Fresh randomness.
        crop_size: Height and width to leave, in pixels.
        flip: Whether to mirror at all.
    """
    batch_size, height, width, _ = next(iter(raw.values())).shape
    offset_key, flip_key = jax.random.split(key)
    slack = jnp.array([[height - crop_size, width - crop_size]])
    offsets = jax.random.randint(offset_key, (batch_size, 2), 0, slack + 1)
    mirrored = jax.random.bernoulli(flip_key, 0.5 if flip else 0.0, (batch_size,))

    def transform(image, offset, mirror):
        image = jax.lax.dynamic_slice(image, (*offset, 0), (crop_size, crop_size, image.shape[-1]))
        return jnp.where(mirror, image[:, ::-1], image)

    return normalize(
        {name: jax.vmap(transform)(images, offsets, mirrored) for name, images in raw.items()}
    )


def normalize(raw: Mapping) -> Batch:
    """Map all images to [-1, 1]."""
    return {name: from_uint8(images) for name, images in raw.items()}
