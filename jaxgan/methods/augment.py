"""Differentiable augmentation for GANs on few images (Zhao et al. 2020, arXiv 2006.10738).

Real and generated images are augmented at random before they enter the discriminator. Gradients
flow through the augmentation. The policies and ranges are those of the authors'
`DiffAugment_pytorch.py`.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from jaxgan.types import Images


def diff_augment(images: Images, key: PRNGKeyArray) -> Images:
    """Change the colors of images, shift them, and cut a square out of each.

    Args:
        images: Images in [-1, 1]; the result may leave that range.
        key: Random key; each image is augmented independently.
    """
    color_key, shift_key, cutout_key = jax.random.split(key, 3)
    return cutout(shift(change_colors(images, color_key), shift_key), cutout_key)


def diff_augment_pairs(
    x: Float[Array, "batch height width _"],
    y: Float[Array, "batch height width _"],
    key: PRNGKeyArray,
) -> tuple[Float[Array, "batch height width _"], Float[Array, "batch height width _"]]:
    """Augment a condition and its image: move both alike, and change the colors of the image only.

    Args:
        x: The conditions, such as label maps.
        y: The images, real or generated.
        key: Random key; each pair is augmented independently.
    """
    color_key, shift_key, cutout_key = jax.random.split(key, 3)
    pairs = jnp.concatenate([x, change_colors(y, color_key)], axis=-1)
    moved = cutout(shift(pairs, shift_key), cutout_key)
    return moved[..., : x.shape[-1]], moved[..., x.shape[-1] :]


def change_colors(images: Images, key: PRNGKeyArray) -> Images:
    """Change brightness by up to 0.5, saturation by a factor up to 2, contrast from 0.5 to 1.5."""
    brightness, saturation, contrast = jax.random.uniform(key, (3, len(images), 1, 1, 1))
    images = images + (brightness - 0.5)
    gray = images.mean(axis=-1, keepdims=True)
    images = (images - gray) * (2 * saturation) + gray
    mean = images.mean(axis=(1, 2, 3), keepdims=True)
    return (images - mean) * (contrast + 0.5) + mean


def shift(images: Images, key: PRNGKeyArray) -> Images:
    """Shift images by up to an eighth of their size, and fill with zeros."""
    _, height, width, _ = images.shape
    reach = ((height + 4) // 8, (width + 4) // 8)  # halves are rounded up
    starts = jax.random.randint(key, (len(images), 2), 0, 2 * jnp.array([reach]) + 1)
    padded = jnp.pad(images, ((0, 0), (reach[0],) * 2, (reach[1],) * 2, (0, 0)))

    def move(image, start):
        return jax.lax.dynamic_slice(image, (*start, 0), images.shape[1:])

    return jax.vmap(move)(padded, starts)


def cutout(images: Images, key: PRNGKeyArray) -> Images:
    """Set to zero a square of half the size, centered anywhere in the image."""
    _, height, width, _ = images.shape
    sides = ((height + 1) // 2, (width + 1) // 2)
    # The center of an even side is a corner of pixels, which has one more place.
    places = jnp.array([[height + 1 - sides[0] % 2, width + 1 - sides[1] % 2]])
    centers = jax.random.randint(key, (len(images), 2), 0, places)

    def cut(image, center):
        first = center - jnp.array(sides) // 2
        rows, columns = (
            (jnp.arange(edge) >= start) & (jnp.arange(edge) < start + side)
            for edge, start, side in zip((height, width), first, sides, strict=True)
        )
        return jnp.where((rows[:, None] & columns[None, :])[..., None], 0.0, image)

    return jax.vmap(cut)(images, centers)
