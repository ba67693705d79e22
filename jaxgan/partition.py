"""How arrays lie on the devices."""

import re
from dataclasses import dataclass

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P
from jaxtyping import PRNGKeyArray

from jaxgan.errors import UserError
from jaxgan.image_pool import ImagePool
from jaxgan.types import Batch, Method, Metrics, PyTree, Splittable, TrainState

AXES = ("direction", "data")


@dataclass(frozen=True)
class Placed:
    """A method on a mesh.

    Along the axis `data` the batch is split, and the rest is the same on every device. An axis
    `direction` of 2 devices splits the state of a `Splittable` method too.
    """

    method: Method
    mesh: Mesh

    def place(self, state: TrainState) -> TrainState:
        """Return a state in the form that is trained, to be laid out as of `shardings`."""
        return self._splittable.split(state) if self._is_split else state

    def gather(self, state: TrainState) -> TrainState:
        """Undo `place`."""
        return self._splittable.join(state) if self._is_split else state

    def shardings(self, state: TrainState) -> TrainState:
        """Return the shardings of `place(state)`; of the state, its shapes will do."""
        halves = ("direction",) if self._is_split else ()

        def shard(node):
            if isinstance(node, ImagePool):  # by height: every image of the batch may enter
                divides = node.images.shape[-3] % self.mesh.shape["data"] == 0
                images = self._sharding(*halves, None, "data" if divides else None)
                return ImagePool(images=images, count=self._sharding(*halves))
            return self._sharding(*halves)

        shapes = jax.eval_shape(self.place, state)
        sharded = jax.tree.map(shard, shapes, is_leaf=lambda node: isinstance(node, ImagePool))
        return sharded.replace(step=self._sharding())

    def train_step(
        self, state: TrainState, batch: Batch, key: PRNGKeyArray
    ) -> tuple[TrainState, Metrics]:
        """See `Method.train_step`."""
        if self._is_split:
            return self._splittable.split_train_step(state, batch, key, self.mesh)
        return self.method.train_step(state, batch, key)

    @property
    def _is_split(self) -> bool:
        return "direction" in self.mesh.axis_names

    @property
    def _splittable(self) -> Splittable:
        assert isinstance(self.method, Splittable)
        return self.method

    def _sharding(self, *axes: str | None) -> NamedSharding:
        return NamedSharding(self.mesh, P(*axes))


def make_mesh(setting: str, method: Method, state: PyTree, batch_size: int) -> Mesh:
    """Return the devices to train on.

    Args:
        setting: Devices by axis, as `data:4` or `data:4,direction:2`; `auto` for as many as can
            be used, with whole copies of the state where that makes no difference.
        method: What is to be trained.
        state: The state that it starts with, or its shapes.
        batch_size: Images a step, which the axis `data` splits.

    Raises:
        UserError: If these devices cannot train it.
    """
    found = jax.device_count()
    reason = _why_not_split(method, state)
    if setting == "auto":
        sizes = {"data": _largest_split(batch_size, found)}
        halves = _largest_split(batch_size, found // 2)
        if not reason and 2 * halves > sizes["data"]:
            sizes = {"direction": 2, "data": halves}
    else:
        sizes = {"data": 1} | _parse(setting)
    problem = None
    if batch_size % sizes["data"]:
        problem = f"the batch size of {batch_size} does not split evenly over data:{sizes['data']}"
    elif sizes.get("direction", 2) != 2:
        problem = "the axis direction has 2 devices"
    elif "direction" in sizes and reason:
        problem = reason
    elif (needed := int(np.prod(list(sizes.values())))) > found:
        problem = f"it needs {needed} devices, and there are {found}"
    if problem:
        raise UserError(f"--config.train.mesh={setting} is not possible: {problem}")
    axes = [axis for axis in AXES if axis in sizes]
    devices = np.array(jax.devices()[: int(np.prod(list(sizes.values())))])
    return Mesh(devices.reshape([sizes[axis] for axis in axes]), axes)


def split_batch(mesh: Mesh) -> NamedSharding:
    """Shard arrays along their first axis, the batch."""
    return NamedSharding(mesh, P("data"))


def replicate(mesh: Mesh) -> NamedSharding:
    """Keep a copy of an array on every device."""
    return NamedSharding(mesh, P())


def describe(mesh: Mesh) -> str:
    """Say in a line what a mesh uses."""
    used, found = mesh.devices.size, jax.device_count()
    axes = ",".join(f"{axis}:{size}" for axis, size in reversed(mesh.shape.items()))
    line = f"devices: {used} of {found} x {mesh.devices.flat[0].device_kind}, mesh {axes}"
    return line + (" (a batch size that splits evenly would use more)" if used < found else "")


def _largest_split(batch_size: int, most: int) -> int:
    """Return how many devices, of so many at most, can share a batch evenly."""
    return max((n for n in range(1, most + 1) if batch_size % n == 0), default=0)


def _why_not_split(method: Method, state: PyTree) -> str | None:
    if not isinstance(method, Splittable):
        return f"{type(method).__name__} has no two directions"
    try:
        jax.eval_shape(method.split, state)
    except ValueError as error:
        return str(error)
    return None


def _parse(setting: str) -> dict[str, int]:
    pattern = rf"({'|'.join(AXES)}):([1-9][0-9]*)"
    parts = [re.fullmatch(pattern, part.strip()) for part in setting.split(",")]
    sizes = {part[1]: int(part[2]) for part in parts if part}
    if len(sizes) < len(parts):
        raise UserError(
            f"--config.train.mesh={setting} is no mesh: write auto, or devices by axis, such as "
            f"data:4 or data:4,direction:2; the axes are {', '.join(sorted(AXES))}"
        )
    return sizes
