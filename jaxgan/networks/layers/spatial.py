"""Images whose height is split over the devices of the mesh axis `spatial`."""

import jax
from jax.sharding import PartitionSpec
from jaxtyping import Array, Float

FEW_ROWS = 8  # on a device, below which a map is not worth being split


def parts() -> int:
    """Return over how many devices the rows of images are split where this is traced."""
    return dict(jax.sharding.get_abstract_mesh().shape).get("spatial", 1)


def gather_rows(
    x: Float[Array, "batch height width channels"],
) -> Float[Array, "batch height width channels"]:
    """Keep a map of few rows whole on every device.

    Its parts would be no larger than what they exchange, and XLA gets some of them wrong.
    """
    if parts() == 1 or x.shape[1] >= FEW_ROWS * parts():
        return x
    whole = PartitionSpec(PartitionSpec.UNCONSTRAINED, None)
    return jax.lax.with_sharding_constraint(x, whole)
