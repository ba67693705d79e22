"""How arrays lie on the devices."""

import jax
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P


def data_mesh(batch_size: int) -> Mesh:
    """Return a mesh with one axis, `data`, of as many devices as can share a batch evenly."""
    devices = jax.devices()
    count = max(n for n in range(1, len(devices) + 1) if batch_size % n == 0)
    return Mesh(devices[:count], ("data",))


def split_batch(mesh: Mesh) -> NamedSharding:
    """Shard arrays along their first axis, the batch."""
    return NamedSharding(mesh, P("data"))


def replicate(mesh: Mesh) -> NamedSharding:
    """Keep a copy of an array on every device."""
    return NamedSharding(mesh, P())


def describe(mesh: Mesh) -> str:
    """Say in a line what a mesh uses."""
    used, found = mesh.devices.size, jax.device_count()
    kind = mesh.devices.flat[0].device_kind
    line = f"devices: {used} of {found} x {kind}"
    return line + (" (the batch size does not split over more)" if used < found else "")
