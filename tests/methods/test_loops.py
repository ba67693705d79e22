import jax
import jax.numpy as jnp
import pytest

from jaxgan.methods.loops import scan


@pytest.mark.parametrize("length", [1, 3])
def test_on_the_cpu_there_is_no_loop(length):
    loop = jax.jit(lambda carry, inputs: scan(lambda c, x: (c + x, c * x), carry, inputs))
    carry, inputs = jnp.float32(2), jnp.arange(length, dtype=jnp.float32)
    assert "while" not in loop.lower(carry, inputs).as_text()
    total, products = loop(carry, inputs)
    assert total == 2 + sum(range(length))
    assert len(products) == length
