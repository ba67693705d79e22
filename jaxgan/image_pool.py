"""A history of generated images that lives inside the jitted step (Shrivastava et al. 2017)."""

import jax
import jax.numpy as jnp
from flax import struct
from jaxtyping import PRNGKeyArray

from jaxgan.types import Images, PyTree


@struct.dataclass
class ImagePool:
    """The images kept so far.

    Attributes:
        images: Stored images, one a row; those from `count` on are not filled yet.
        count: Images stored, a scalar int32.
    """

    images: PyTree
    count: PyTree


def empty_pool(size: int, shape: tuple[int, int, int]) -> ImagePool:
    """Return a pool with room for `size` images of one shape."""
    return ImagePool(images=jnp.zeros((size, *shape)), count=jnp.zeros((), jnp.int32))


def query(pool: ImagePool, images: Images, key: PRNGKeyArray) -> tuple[ImagePool, Images]:
    """Exchange images with the pool, one after the other, by the reference's rule.

    While there is room, an image is stored and returned. From then on, with probability 1/2, it
    takes the place of a random stored one, which is returned; else it is returned itself
    (`util/image_pool.py`).

    Args:
        pool: The pool.
        images: New images.
        key: Fresh randomness.
    """
    size = len(pool.images)

    def exchange(pool, image_and_key):
        image, key = image_and_key
        coin_key, place_key = jax.random.split(key)
        filling = pool.count < size
        place = jnp.where(filling, pool.count, jax.random.randint(place_key, (), 0, size))
        stores = filling | jax.random.bernoulli(coin_key)
        stored = pool.images[place]
        returned = jnp.where(stores & ~filling, stored, image)
        stored = jnp.where(stores, image, stored)
        pool = ImagePool(
            images=pool.images.at[place].set(stored), count=jnp.minimum(pool.count + 1, size)
        )
        return pool, returned

    return jax.lax.scan(exchange, pool, (images, jax.random.split(key, len(images))))
