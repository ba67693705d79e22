from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from jaxgan.devices.mesh import mesh_of
from jaxgan.methods.image_pool import empty_pool, query


def numbered(start, count):
    """Images that each hold their number."""
    return jnp.arange(start, start + count, dtype=jnp.float32).reshape(count, 1, 1, 1)


def by_the_reference_rule(pool, size, number, stores, place):
    """`util/image_pool.py` for one image, with its two random draws given."""
    if len(pool) < size:
        pool.append(number)
        return number
    if stores:
        returned, pool[place] = pool[place], number
        return returned
    return number


def test_while_there_is_room_images_are_stored_and_returned():
    pool = empty_pool(4, (1, 1, 1))
    pool, images = query(pool, numbered(1, 3), jax.random.key(0))
    assert images.ravel().tolist() == [1, 2, 3]
    assert pool.images.ravel().tolist() == [1, 2, 3, 0]
    assert pool.count == 3


@pytest.mark.parametrize("batch_size", [1, 4])
def test_a_full_pool_follows_the_rule_image_by_image(batch_size):
    size, expected_pool = 5, []
    pool = empty_pool(size, (1, 1, 1))
    step = jax.jit(query)
    exchanged = 0
    for number in range(0, 80, batch_size):
        key = jax.random.key(number)
        images = numbered(number, batch_size)
        pool, returned = step(pool, images, key)
        for i, image_key in enumerate(jax.random.split(key, batch_size)):
            coin_key, place_key = jax.random.split(image_key)
            stores = bool(jax.random.bernoulli(coin_key))
            place = int(jax.random.randint(place_key, (), 0, size))
            expected = by_the_reference_rule(expected_pool, size, number + i, stores, place)
            assert int(returned[i, 0, 0, 0]) == expected
            exchanged += expected != number + i
    assert pool.images.ravel().tolist() == expected_pool
    assert exchanged > 20


def test_half_of_the_images_come_from_the_pool_once_it_is_full():
    pool, _ = query(empty_pool(50, (1, 1, 1)), numbered(0, 50), jax.random.key(0))
    images = numbered(50, 2000)
    _, returned = jax.jit(query)(pool, images, jax.random.key(1))
    share = float(jnp.mean(returned != images))
    assert abs(share - 0.5) < 4 * np.sqrt(0.25 / 2000)  # four standard deviations


def test_no_image_is_lost_or_doubled():
    pool, out = empty_pool(3, (1, 1, 1)), []
    for number in range(30):
        pool, images = query(pool, numbered(number, 1), jax.random.key(number))
        out += images.ravel().tolist()
    # The first three are returned while they are stored; each may come out once more.
    seen = sorted(out[3:] + pool.images.ravel().tolist())
    assert seen == list(map(float, range(30)))


def test_gradients_flow_through_an_image_that_is_returned_and_not_through_a_stored_one():
    pool, _ = query(empty_pool(1, (1, 1, 1)), numbered(1, 1), jax.random.key(0))
    gradients = {}
    for seed in range(8):
        key = jax.random.key(seed)
        exchange = partial(query, pool, key=key)
        came_from_pool = exchange(numbered(2, 1))[1].item() == 1
        gradients[came_from_pool] = jax.grad(lambda x, f=exchange: f(x)[1].sum())(numbered(2, 1))
    assert gradients[True].item() == 0
    assert gradients[False].item() == 1


def test_returned_images_are_split_over_the_devices_as_the_batch_is():
    mesh = mesh_of(data=8)
    everywhere, by_image = NamedSharding(mesh, P()), NamedSharding(mesh, P("data"))
    pool, images = empty_pool(4, (4, 4, 3)), jnp.zeros((8, 4, 4, 3))
    step = jax.jit(query, in_shardings=(everywhere, by_image, everywhere))
    _, returned = step.lower(pool, images, jax.random.key(0)).compile().output_shardings
    assert returned.is_equivalent_to(by_image, images.ndim)
