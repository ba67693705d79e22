"""A history of generated images, updated inside the jitted step (Shrivastava et al. 2017)."""

import jax
import jax.numpy as jnp
from flax import struct
from jaxtyping import PRNGKeyArray

from jaxgan.types import Images, PyTree


@struct.dataclass
class ImagePool:
    """A pool of generated images.

    Attributes:
        images: Stored images along the first axis; those from `count` on are still empty.
        count: Number of stored images, a scalar int32.
    """

    images: PyTree
    count: PyTree


def empty_pool(size: int, shape: tuple[int, int, int]) -> ImagePool:
    """Return an empty pool for `size` images of one shape."""
    return ImagePool(images=jnp.zeros((size, *shape)), count=jnp.zeros((), jnp.int32))


def query(pool: ImagePool, images: Images, key: PRNGKeyArray) -> tuple[ImagePool, Images]:
    """Exchange images with the pool one by one, as in the reference (`util/image_pool.py`).

    While the pool is not full, an image is stored and returned. After that, with probability 1/2,
    it replaces a random stored image, which is returned; otherwise it is returned itself
    (`util/image_pool.py`).

    Args:
        pool: The pool.
        images: New images.
        key: Random key.
    """
    size, batch_size = len(pool.images), len(images)

    def exchange(carry, new_and_key):
        slots, count = carry
        new, key = new_and_key
        coin_key, place_key = jax.random.split(key)
        filling = count < size
        place = jnp.where(filling, count, jax.random.randint(place_key, (), 0, size))
        stores = filling | jax.random.bernoulli(coin_key)
        returned = jnp.where(stores & ~filling, slots[place], new)
        slots = slots.at[place].set(jnp.where(stores, new, slots[place]))
        return (slots, jnp.minimum(count + 1, size)), returned

    # Only the order is sequential, so the scan exchanges indices into all images, stored and new.
    start = (jnp.zeros_like(pool.count) + jnp.arange(size), pool.count)
    news = size + jnp.arange(batch_size)
    (slots, count), returned = jax.lax.scan(
        exchange, start, (news, jax.random.split(key, batch_size))
    )
    both = jnp.concatenate([pool.images, images])
    # This elementwise choice does not change the result, but makes XLA shard the returned images
    # like `images`.
    is_own = (returned == news)[:, None, None, None]
    returned_images = jnp.where(is_own, images, both[returned])
    return ImagePool(images=both[slots], count=count), returned_images
