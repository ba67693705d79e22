"""Loops within a jitted function."""

from collections.abc import Callable
from typing import Any

import jax

from jaxgan.types import PyTree


def scan(
    function: Callable[[PyTree, Any], tuple[PyTree, PyTree]], carry: PyTree, inputs: PyTree
) -> tuple[PyTree, PyTree]:
    """Return `jax.lax.scan`, fully unrolled for a single input and on the CPU.

    Convolutions in loops are ten times slower on the CPU (jax-ml/jax#12868).
    """
    single = len(jax.tree.leaves(inputs)[0]) == 1
    unroll = 0 if single or jax.default_backend() == "cpu" else 1  # 0 unrolls fully
    return jax.lax.scan(function, carry, inputs, unroll=unroll)
