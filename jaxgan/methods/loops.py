"""Loops within a jitted function."""

from collections.abc import Callable
from typing import Any

import jax

from jaxgan.types import PyTree


def scan(
    function: Callable[[PyTree, Any], tuple[PyTree, PyTree]], carry: PyTree, inputs: PyTree
) -> tuple[PyTree, PyTree]:
    """Return `jax.lax.scan`, without a loop for a single input."""
    single = len(jax.tree.leaves(inputs)[0]) == 1
    return jax.lax.scan(function, carry, inputs, unroll=0 if single else 1)  # 0 unrolls fully
