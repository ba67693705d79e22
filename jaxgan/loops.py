"""Loops within a jitted function."""

from collections.abc import Callable
from typing import Any

import jax

from jaxgan.types import PyTree


def scan(
    function: Callable[[PyTree, Any], tuple[PyTree, PyTree]], carry: PyTree, inputs: PyTree
) -> tuple[PyTree, PyTree]:
    """Do as `jax.lax.scan`, but unrolled on the CPU, where convolutions in loops are slow.

    They take ten times as long there (jax-ml/jax#12868).
    """
    return jax.lax.scan(function, carry, inputs, unroll=jax.default_backend() == "cpu")
