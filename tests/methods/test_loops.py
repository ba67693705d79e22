import jax
import jax.numpy as jnp
import pytest

from jaxgan.methods.loops import scan


@pytest.mark.parametrize("length", [1, 3])
def test_there_is_a_loop_unless_there_is_a_single_input(length):
    loop = jax.jit(lambda carry, inputs: scan(lambda c, x: (c + x, c * x), carry, inputs))
    carry, inputs = jnp.float32(2), jnp.arange(length, dtype=jnp.float32)
    assert ("while" in loop.lower(carry, inputs).as_text()) == (length > 1)
    total, products = loop(carry, inputs)
    assert total == 2 + sum(range(length))
    assert len(products) == length
