"""Loops within a jitted function."""

from collections.abc import Callable
from typing import Any

import jax

from jaxgan.types import PyTree


def scan(
    function: Callable[[PyTree, Any], tuple[PyTree, PyTree]], carry: PyTree, inputs: PyTree
) -> tuple[PyTree, PyTree]:
    """Return `jax.lax.scan`, without a loop for a single input.

    On a CPU, the convolutions of `jaxgan.networks` are as fast inside a loop as outside. XLA's own
    are up to 40 times slower inside (jax-ml/jax#12868).
    """
    single = len(jax.tree.leaves(inputs)[0]) == 1
    return jax.lax.scan(function, carry, inputs, unroll=0 if single else 1)  # 0 unrolls fully
