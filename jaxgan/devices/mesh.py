"""How arrays are sharded over the devices."""

import dataclasses
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import jax
import numpy as np
from jax.experimental import mesh_utils
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P
from jaxtyping import PRNGKeyArray

from jaxgan.errors import UserError
from jaxgan.types import (
    Batch,
    HoldsImages,
    Method,
    Metrics,
    PyTree,
    RawBatch,
    RawBatches,
    Spec,
    Splittable,
    TrainState,
)

AXES = ("data", "fsdp", "direction", "spatial")
BATCH = ("data", "fsdp")  # the axes that shard the images of a step
MIN_SHARDED_SIZE = 2**10  # elements; fsdp replicates smaller arrays, which are not worth gathering


@dataclass(frozen=True)
class ShardedMethod:
    """A method on a mesh.

    The axes `data` and `fsdp` shard the batch, and `spatial` the height of its images. The state is
    replicated, except that `fsdp` shards its large arrays (gathered for each step) and `direction`
    (size 2) puts each direction of a `Splittable` method on its own half of the devices.
    """

    method: Method
    mesh: Mesh
    shapes: TrainState
    """Shapes of the state that `Method.init` returns."""

    def split_directions(self, state: TrainState) -> TrainState:
        """Return a state in its training form, which `state_sharding` describes."""
        return self._splittable.split(state) if self._is_split else state

    def join_directions(self, state: TrainState) -> TrainState:
        """Undo `split_directions`; `checkpoint_sharding` describes the result."""
        return self._splittable.join(state) if self._is_split else state

    @property
    def state_sharding(self) -> TrainState:
        """Shardings of a state in its training form."""
        shapes = jax.eval_shape(self.split_directions, self.shapes)
        sharded = self._shard(shapes, ("direction",) if self._is_split else ())
        return dataclasses.replace(sharded, step=self.replicated)

    @property
    def checkpoint_sharding(self) -> TrainState:
        """Shardings of a state in its checkpoint form, which does not split directions."""
        return self._shard(self.shapes, ())

    @property
    def replicated(self) -> NamedSharding:
        """Sharding that puts a copy on every device."""
        return self._sharding()

    @property
    def batch_sharding(self) -> NamedSharding:
        """Sharding of a batch by image; images keep their full height."""
        return self._sharding(BATCH)

    @property
    def batches_sharding(self) -> NamedSharding:
        """Sharding of stacked batches by image."""
        return self._sharding(None, BATCH)

    def rows(self, batch_size: int) -> list[int]:
        """Return the indices of the images of a batch that the devices of this process need."""
        indices = self.batch_sharding.addressable_devices_indices_map((batch_size,)).values()
        return sorted({row for index in indices if index for row in range(batch_size)[index[0]]})

    def feed(self, batches: Sequence[RawBatch], batch_size: int) -> RawBatches:
        """Stack batches, of which this process has only its `rows`, and put them on the devices."""

        def put(*images):
            shape = (len(images), batch_size, *images[0].shape[1:])
            local = np.stack(images)
            return jax.make_array_from_process_local_data(self.batches_sharding, local, shape)

        return jax.tree.map(put, *batches)

    def train_step(
        self, state: TrainState, batch: Batch, key: PRNGKeyArray
    ) -> tuple[TrainState, Metrics]:
        """Run `Method.train_step` on the mesh."""
        whole = self._sharding("direction") if self._is_split else self.replicated
        params = jax.lax.with_sharding_constraint(state.params, whole)
        batch = jax.lax.with_sharding_constraint(batch, self._sharding(BATCH, "spatial"))
        state = dataclasses.replace(state, params=params)
        with jax.sharding.use_abstract_mesh(self.mesh.abstract_mesh):
            if self._is_split:
                return self._splittable.split_train_step(state, batch, key, self.mesh)
            return self.method.train_step(state, batch, key)

    @property
    def _is_split(self) -> bool:
        return self.mesh.shape["direction"] > 1

    @property
    def _splittable(self) -> Splittable:
        assert isinstance(self.method, Splittable)
        return self.method

    def _shard(self, state: TrainState, leading: tuple[str, ...]) -> TrainState:
        """Return the shardings of a state; the mesh axes `leading` shard its first array axes."""

        def shard(node):
            if isinstance(node, HoldsImages):  # by height, as any slot may get any image
                rows = ("spatial", *BATCH)
                divides = node.images.shape[-3] % math.prod(self.mesh.shape[a] for a in rows) == 0
                images = self._sharding(*leading, None, rows if divides else None)
                others = jax.tree.map(lambda _: self._sharding(*leading), node)
                return dataclasses.replace(others, images=images)
            shape, parts = node.shape[len(leading) :], self.mesh.shape["fsdp"]
            axes: list[str | None] = [None] * len(shape)
            lengths = [0 if length % parts else length for length in shape]
            if parts > 1 and node.size >= MIN_SHARDED_SIZE and any(lengths):
                axes[lengths.index(max(lengths))] = "fsdp"
            return self._sharding(*leading, *axes)

        return jax.tree.map(shard, state, is_leaf=lambda node: isinstance(node, HoldsImages))

    def _sharding(self, *axes: str | tuple[str, ...] | None) -> NamedSharding:
        return NamedSharding(self.mesh, P(*axes))


def mesh_of(**sizes: int) -> Mesh:
    """Return a mesh with the given number of devices per axis, 1 by default."""
    shape = [sizes.get(axis, 1) for axis in AXES]
    devices = jax.devices()[: math.prod(shape)]
    if len(devices) < jax.device_count():
        return Mesh(np.array(devices).reshape(shape), AXES)
    # On a TPU, neighbors on the mesh are then physical neighbors.
    return Mesh(mesh_utils.create_device_mesh(shape, devices, allow_split_physical_axes=True), AXES)


def make_mesh(setting: str, method: Method, state: PyTree, spec: Spec) -> Mesh:
    """Return the mesh to train on.

    Args:
        setting: Devices per axis, such as `data:4` or `data:4,spatial:2`; `auto` uses as many as
            possible, and splits directions only if that uses more.
        method: The method to train.
        state: Its initial state, or the shapes of that.
        spec: Shapes and dtypes of its batches.

    Raises:
        UserError: If the method cannot be trained on this mesh.
    """
    found, processes = jax.device_count(), jax.process_count()
    reason = _why_not_split(method, state)
    batch_size, height = next(iter(spec.values())).shape[:2]
    if setting == "auto":
        sizes = {"data": _largest_split(batch_size, found)}
        halves = _largest_split(batch_size, found // 2)
        if not reason and 2 * halves > sizes["data"]:
            sizes = {"direction": 2, "data": halves}
    else:
        sizes = _parse(setting)
    needed = math.prod(sizes.values())
    shares = math.prod(sizes.get(axis, 1) for axis in BATCH)
    problem = None
    if batch_size % shares:
        over = ",".join(f"{axis}:{sizes[axis]}" for axis in BATCH if axis in sizes)
        problem = f"the batch size of {batch_size} does not split evenly over {over}"
    elif height % sizes.get("spatial", 1):
        problem = f"images of {height} rows do not split evenly over spatial:{sizes['spatial']}"
    elif sizes.get("direction", 2) != 2:
        problem = "the axis direction has 2 devices"
    elif "direction" in sizes and reason:
        problem = reason
    elif needed > found:
        problem = f"it needs {needed} devices, and there are {found}"
    elif processes > 1 and needed < found:
        problem = (
            f"it uses {needed} devices, and the {processes} processes have {found}, all of which "
            f"must be used (the batch size is {batch_size})"
        )
    if problem:
        raise UserError(f"--config.train.mesh={setting} is not possible: {problem}")
    return mesh_of(**sizes)


def describe_mesh(mesh: Mesh) -> str:
    """Return a line that describes a mesh."""
    used, found, processes = mesh.devices.size, jax.device_count(), jax.process_count()
    axes = [f"{axis}:{size}" for axis, size in mesh.shape.items() if size > 1]
    line = f"devices: {used} of {found} x {mesh.devices.flat[0].device_kind}"
    line += f" in {processes} processes" if processes > 1 else ""
    line += f", mesh {','.join(axes) or 'data:1'}"
    return line + (" (another batch size or mesh would use more)" if used < found else "")


def _largest_split(batch_size: int, most: int) -> int:
    """Return the largest number of devices, at most `most`, that divides a batch evenly."""
    return max((n for n in range(1, most + 1) if batch_size % n == 0), default=0)


def _why_not_split(method: Method, state: PyTree) -> str | None:
    if not isinstance(method, Splittable):
        return "the direction axis works only with CycleGAN"
    try:
        jax.eval_shape(method.split, state)
    except ValueError as error:
        return str(error)
    return None


def _parse(setting: str) -> dict[str, int]:
    pattern = rf"({'|'.join(AXES)}):([1-9][0-9]{{0,5}})"
    parts = [re.fullmatch(pattern, part.strip()) for part in setting.split(",")]
    sizes = {part[1]: int(part[2]) for part in parts if part}
    if len(sizes) < len(parts):
        raise UserError(
            f"--config.train.mesh={setting} is not a mesh: write auto, or devices by axis, such as "
            f"data:4 or data:4,spatial:2; the axes are {', '.join(AXES)}"
        )
    return sizes
