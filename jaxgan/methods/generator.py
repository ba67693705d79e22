"""Applies a trained image-to-image generator."""

import jax
import jax.core
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from jaxgan.networks.layers.convolution_forms import Length
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
    batch, height, width, _ = images.shape

    def translate_one(image, key):
        return apply(generator, image[None], key)[0, :height, :width]

    padded = images
    for axis in (1, 2):
        padded = _pad(padded, axis, fitting(generator, padded.shape[axis]))
    return jax.vmap(translate_one)(padded, jax.random.split(key, batch))


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


def fitting(generator: TrainedGenerator, edge: Length) -> Length:
    """Return the smallest height or width of at least `edge` that a generator supports."""
    multiple = generator.network.multiple
    least = generator.network.smallest // multiple
    return multiple * jax.core.max_dim((edge + multiple - 1) // multiple, least)


def _pad(
    images: Float[Array, "batch height width _"], axis: int, target: Length
) -> Float[Array, "batch tall wide _"]:
    """Pad one axis by reflection at its end. Unlike `jnp.pad`, sizes may be symbolic."""
    edge = images.shape[axis]
    if target == edge:
        return images
    # Indices 0, 1, ..., edge - 1, edge - 2, ..., 1, 0, 1, ...
    period = jax.core.max_dim(2 * (edge - 1), 1)
    place = jnp.arange(target) % period
    return jnp.take(images, jnp.minimum(place, period - place), axis=axis)
