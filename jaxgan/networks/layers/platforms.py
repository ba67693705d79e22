"""Chooses a form of a computation by platform."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
from jaxtyping import Array

from jaxgan.networks.layers import spatial


def on_cpu(
    form: Callable[..., Array], other: Callable[..., Array], *operands: Array, **settings: Any
) -> Array:
    """Apply `form` on the CPU, and `other` on other platforms and to sharded images."""
    if form is other or spatial.parts() > 1:
        return other(*operands, **settings)
    return jax.lax.platform_dependent(
        *operands, cpu=partial(form, **settings), default=partial(other, **settings)
    )
