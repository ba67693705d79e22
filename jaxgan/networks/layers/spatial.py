"""Images whose height is sharded over the mesh axis `spatial`."""

import jax
from jax.sharding import PartitionSpec
from jaxtyping import Array, Float

FEW_ROWS = 8  # per device; maps with fewer are not sharded


def parts() -> int:
    """Return the number of devices that the current mesh shards the height of images over."""
    return dict(jax.sharding.get_abstract_mesh().shape).get("spatial", 1)


def gather_rows(
    x: Float[Array, "batch height width channels"],
) -> Float[Array, "batch height width channels"]:
    """Replicate a map of few rows on every device.

    Its shards would be no larger than the rows that they exchange, and XLA computes some of them
    incorrectly.
    """
    if parts() == 1 or x.shape[1] >= FEW_ROWS * parts():
        return x
    whole = PartitionSpec(PartitionSpec.UNCONSTRAINED, None)
    return jax.lax.with_sharding_constraint(x, whole)
