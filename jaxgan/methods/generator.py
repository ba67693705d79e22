"""Applies a trained image-to-image generator."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from jaxgan.types import TrainedGenerator


def translate(
    generator: TrainedGenerator, images: Float[Array, "batch height width _"], key: PRNGKeyArray
) -> Float[Array, "batch height width _"]:
    """Translate images of any size, each independently of the rest of the batch.

    All translations use this function: samples, files, metrics and the Python API. If the network
    does not support the size of the images, they are padded by reflection at the bottom and right
    to the next size that it supports, and the output is cropped.

    Args:
        generator: A trained generator.
        images: Images in [-1, 1].
        key: Random key for dropout.
    """
    height, width = images.shape[1:3]
    bottom, right = (fitting(generator, edge) - edge for edge in (height, width))
    padding = ((0, 0), (0, bottom), (0, right), (0, 0))

    def translate_one(image, key):
        return apply(generator, image[None], key)[0, :height, :width]

    padded = jnp.pad(images, padding, mode="reflect")
    return jax.vmap(translate_one)(padded, jax.random.split(key, len(images)))


def apply(
    generator: TrainedGenerator, images: Float[Array, "batch height width _"], key: PRNGKeyArray
) -> Float[Array, "batch height width _"]:
    """Return a generator's output for one batch of images of a size that it supports."""
    # Batch norm in training mode always writes running statistics; they are discarded.
    y, _ = generator.network.apply(
        {"params": generator.params, "batch_stats": generator.batch_stats},
        images,
        use_running_average=generator.use_running_average,
        deterministic=not generator.dropout,
        rngs={"dropout": key},
        mutable=["batch_stats"],
    )
    return y


def fitting(generator: TrainedGenerator, edge: int) -> int:
    """Return the smallest height or width of at least `edge` that a generator supports."""
    network = generator.network
    return max(edge + -edge % network.multiple, network.smallest)
