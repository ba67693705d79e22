"""Settings for the computation of networks."""

from dataclasses import dataclass, field
from typing import Literal

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgan.settings.resume import FREE, REPORTED
from jaxgan.settings.validation import require


@dataclass(frozen=True, kw_only=True)
class Compute:
    """Trade-offs between speed and memory. None of them changes what a network computes."""

    compute_dtype: Literal["float32", "bfloat16"] = field(default="float32", metadata=REPORTED)
    """Data type of the convolutions and the activations, for GPUs and TPUs. Parameters, statistics,
    losses and the optimizer are always float32."""
    remat: bool = field(default=False, metadata=FREE)
    """Whether to recompute the blocks of a network in the backward pass instead of storing their
    activations: saves memory, takes up to a third more time."""
    accumulate: int = field(default=1, metadata=REPORTED)
    """Gradient accumulation: the number of micro-batches that a batch is split into, to save
    memory. Batch norm normalizes each micro-batch separately."""
    plain_layers: bool = field(default=False, metadata=FREE)
    """Whether to use XLA's own convolutions, norms and gradients, for comparison."""

    pad_channels: bool = field(default=False, metadata=FREE)
    """Whether to pad images and kernels with zeros to at least 8 channels, which a GPU's matrix
    units may need. Not measured yet."""
    gather_padding: bool = field(default=False, metadata=FREE)
    """Whether ResNets pad by reflection with a gather instead of concatenations, which moves fewer
    bytes on a GPU. Not measured yet."""

    def __post_init__(self):
        require(self.accumulate >= 1, "accumulate must be at least 1")

    def cast(self, x: Float[Array, "*_"]) -> Float[Array, "*_"]:
        """Return an array in bfloat16 if that is the `compute_dtype`, otherwise unchanged."""
        return x.astype(jnp.bfloat16) if self.compute_dtype == "bfloat16" else x


def widen(x: Float[Array, "*_"]) -> Float[Array, "*_"]:
    """Return an array in at least float32."""
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))
