"""How a trained generator of images out of images is applied."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from jaxgan.types import TrainedGenerator


def translate(
    translator: TrainedGenerator, images: Float[Array, "batch height width _"], key: PRNGKeyArray
) -> Float[Array, "batch height width _"]:
    """Translate images of any size, each normalized alone, whatever its batch mates.

    This is the one way from images to translations: of samples, files, metrics and Python. Images
    that suit the network enter it as they are. Others are mirrored at the bottom and right, to the
    next size that does, and the output is cut back.

    Args:
        translator: A generator.
        images: Images in [-1, 1].
        key: Randomness of dropout.
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
    """Return a generator's output for images of sizes that suit it, as one batch."""
    # Batch norm in training mode insists on writing its statistics; they are thrown away.
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
    """Return the least height or width, from `edge` up, that suits a generator."""
    network = translator.network
    return max(edge + -edge % network.multiple, network.smallest)
