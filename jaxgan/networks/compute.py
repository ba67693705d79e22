"""How the networks of a method are computed."""

from dataclasses import dataclass
from typing import Literal

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgan.validation import check


@dataclass(frozen=True, kw_only=True)
class Compute:
    """Choices of speed and memory, none of which changes what a network means."""

    compute_dtype: Literal["float32", "bfloat16"] = "float32"
    """Type of the numbers in and between convolutions, for GPUs and TPUs; parameters, statistics,
    losses and Adam are float32 either way."""
    remat: bool = False
    """Whether to compute the blocks of a network again for the backward pass instead of keeping
    what they hold: less memory, up to a third more time."""
    accumulate: int = 1
    """Parts of a batch to work through one after the other, their gradients added up: less memory.
    Batch norm normalizes each part by itself."""
    plain_layers: bool = False
    """Whether to leave convolutions, norms and their gradients to XLA, for comparison."""

    def __post_init__(self):
        check(self.accumulate >= 1, "accumulate must be at least 1")

    def cast(self, x: Float[Array, "*_"]) -> Float[Array, "*_"]:
        """Return an array in the type of the layers."""
        return x.astype(jnp.bfloat16) if self.compute_dtype == "bfloat16" else x


def widen(x: Float[Array, "*_"]) -> Float[Array, "*_"]:
    """Return an array in float32, if it is of a narrower type."""
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))
