"""Choice between forms of a computation by platform."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
from jaxtyping import Array

from jaxgan.networks.layers import spatial


def on_cpu(
    form: Callable[..., Array], other: Callable[..., Array], *operands: Array, **settings: Any
) -> Array:
    """Apply `form` on the CPU, and `other` elsewhere or if images are sharded by height."""
    if form is other or spatial.parts() > 1:
        return other(*operands, **settings)
    return jax.lax.platform_dependent(
        *operands, cpu=partial(form, **settings), default=partial(other, **settings)
    )
