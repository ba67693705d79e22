"""Applies a trained image-to-image generator."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from jaxgan.types import TrainedGenerator


def translate(
    translator: TrainedGenerator, images: Float[Array, "batch height width _"], key: PRNGKeyArray
) -> Float[Array, "batch height width _"]:
    """Translate images of any size. Each result is independent of the other images of the batch.

    Samples, files, metrics and Python all translate with this function. Images whose size does not
    fit the network are padded by reflection at the bottom and right, and the output is cropped.

    Args:
        translator: A generator.
        images: Images in [-1, 1].
        key: Key for dropout.
    """
    height, width = images.shape[1:3]
    bottom, right = (fitting(translator, edge) - edge for edge in (height, width))
    padding = ((0, 0), (0, bottom), (0, right), (0, 0))

    def translate_one(image, key):
        return apply(translator, image[None], key)[0, :height, :width]

    padded = jnp.pad(images, padding, mode="reflect")
    return jax.vmap(translate_one)(padded, jax.random.split(key, len(images)))


def apply(
    translator: TrainedGenerator, images: Float[Array, "batch height width _"], key: PRNGKeyArray
) -> Float[Array, "batch height width _"]:
    """Return the output for a batch of images whose size fits the generator."""
    # Batch norm in training mode writes its statistics, which are discarded.
    y, _ = translator.network.apply(
        {"params": translator.params, "batch_stats": translator.batch_stats},
        images,
        use_running_average=translator.use_running_average,
        deterministic=not translator.dropout,
        rngs={"dropout": key},
        mutable=["batch_stats"],
    )
    return y


def fitting(translator: TrainedGenerator, edge: int) -> int:
    """Return the smallest height or width that fits a generator and is at least `edge`."""
    network = translator.network
    return max(edge + -edge % network.multiple, network.smallest)
