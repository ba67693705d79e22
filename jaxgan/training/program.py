"""The compiled functions of an experiment."""

import contextlib
import dataclasses
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import PRNGKeyArray

from jaxgan.config import Config
from jaxgan.devices.compiler import compiler_options
from jaxgan.devices.mesh import ShardedMethod, make_mesh
from jaxgan.errors import UserError
from jaxgan.methods.loops import scan
from jaxgan.types import (
    ImageArray,
    Metrics,
    RawBatch,
    RawBatches,
    Scheduled,
    Spec,
    StepMetrics,
    TrainState,
)


def resolve(config: Config) -> Config:
    """Return a config whose method has all settings filled in, see `Method.resolve`.

    Raises:
        UserError: If no setting fits the images.
    """
    with _fitting(config):
        method = config.method.resolve(batch_spec(config), config.train.steps)
    return dataclasses.replace(config, method=method)


def batch_spec(config: Config) -> Spec:
    """Return shapes and dtypes of the batches that a method trains on."""
    raw = config.data.spec(config.train.batch_size)
    return jax.eval_shape(config.data.augment, raw, jax.random.key(0))


def initial_state(config: Config, key: PRNGKeyArray) -> TrainState:
    """Return the state before the first step.

    Raises:
        UserError: If the networks do not fit the images.
    """
    with _fitting(config):
        return config.method.init(key, batch_spec(config))


def state_shapes(config: Config) -> TrainState:
    """Return shapes and dtypes of `initial_state`.

    Raises:
        UserError: If the networks do not fit the images.
    """
    return jax.eval_shape(partial(initial_state, config), jax.random.key(0))


@contextlib.contextmanager
def _fitting(config: Config) -> Iterator[None]:
    """Convert errors about incompatible settings to a `UserError`."""
    try:
        yield
    except ValueError as error:
        raise UserError(str(error)) from error
    except KeyError as error:  # the name of an image
        method, data = type(config.method).__name__, type(config.data).__name__
        raise UserError(f"{method} does not fit {data} data, which has no {error}") from error


def make_program(config: Config) -> "Program":
    """Return the program of an experiment, on the mesh in its config.

    Raises:
        UserError: If the networks do not fit the images, or the experiment cannot use the devices.
    """
    config = resolve(config)
    shapes = state_shapes(config)
    mesh = make_mesh(config.train.mesh, config.method, shapes, batch_spec(config))
    return Program(config, mesh, shapes)


@dataclass(frozen=True)
class Program:
    """The functions of one experiment that run on its devices.

    A state has two forms: one for training, and one for checkpoints, which does not depend on the
    devices.
    """

    config: Config
    """The experiment, resolved."""
    mesh: Mesh
    """The devices."""
    shapes: TrainState
    """Shapes and dtypes of a state in the checkpoint form."""

    @cached_property
    def sharded(self) -> ShardedMethod:
        """The method, sharded over the mesh."""
        return ShardedMethod(self.config.method, self.mesh, self.shapes)

    def init(self, key: PRNGKeyArray) -> TrainState:
        """Return the initial state, sharded for training."""

        def init(key):
            return self.sharded.split_directions(initial_state(self.config, key))

        return jax.jit(init, out_shardings=self.sharded.state_sharding)(key)

    def train_step(
        self, state: TrainState, raw: RawBatch, key: PRNGKeyArray
    ) -> tuple[TrainState, Metrics]:
        """Augment a batch and update every network.

        All steps receive the same key and fold their number into it.
        """
        method = self.config.method
        augment_key, method_key = jax.random.split(jax.random.fold_in(key, state.step))
        batch = self.config.data.augment(raw, augment_key)
        after, metrics = self.sharded.train_step(state, batch, method_key)
        if isinstance(method, Scheduled):
            rate = method.schedule.scale(method.learning_rate)(state.step)
            metrics |= {"learning_rate": jnp.asarray(rate, jnp.float32)}
        return after, metrics

    def train_steps(
        self, state: TrainState, batches: RawBatches, key: PRNGKeyArray
    ) -> tuple[TrainState, StepMetrics]:
        """Take one step for each of the stacked batches."""
        return scan(partial(self.train_step, key=key), state, batches)

    def batches_spec(self) -> Spec:
        """Return shapes and dtypes of the batches of one call of `train_steps`."""
        train = self.config.train
        return jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct((train.steps_per_dispatch, *leaf.shape), leaf.dtype),
            dict(self.config.data.spec(train.batch_size)),
        )

    def lower(self) -> jax.stages.Lowered:
        """Return the lowered `train_steps`, which donates its state."""
        sharded = self.sharded
        jitted = jax.jit(
            self.train_steps,
            in_shardings=(sharded.state_sharding, sharded.batches_sharding, sharded.replicated),
            out_shardings=(sharded.state_sharding, sharded.replicated),
            donate_argnums=0,
            compiler_options=compiler_options(),
        )
        state = jax.eval_shape(sharded.split_directions, self.shapes)
        key = jax.eval_shape(jax.random.key, 0)
        return jitted.lower(state, self.batches_spec(), key)

    def checkpoint_spec(self) -> TrainState:
        """Return shapes, dtypes and shardings of a state in the checkpoint form."""
        return jax.tree.map(
            lambda leaf, sharding: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding),
            self.shapes,
            self.sharded.checkpoint_sharding,
        )

    @cached_property
    def to_checkpoint(self) -> Callable[[TrainState], TrainState]:
        """Function that converts a state from the training form to the checkpoint form."""
        sharded = self.sharded
        return jax.jit(sharded.join_directions, out_shardings=sharded.checkpoint_sharding)

    def from_checkpoint(self, state: TrainState) -> TrainState:
        """Convert a state from the checkpoint form to the training form."""
        sharded = self.sharded
        return jax.jit(sharded.split_directions, out_shardings=sharded.state_sharding)(state)

    def local_copy(self, state: TrainState) -> TrainState:
        """Return a copy of a state on one device of this process, without the optimizer.

        Args:
            state: A state in the checkpoint form.
        """
        without_optimizer = dataclasses.replace(state, opt_state={})
        return jax.tree.map(
            lambda leaf: leaf.addressable_data(0), self._replicate(without_optimizer)
        )

    def sample(
        self, state: TrainState, held_out: list[RawBatch], key: PRNGKeyArray
    ) -> dict[str, list[ImageArray]]:
        """Return the columns of a sample grid.

        The function is compiled once per image size.

        Args:
            state: A state on one device, from `local_copy`.
            held_out: Batches of held-out images.
            key: Random key.
        """
        columns: dict[str, list[ImageArray]] = {}
        for number, raw in enumerate(held_out):
            shown = self._sample_batch(state, raw, jax.random.fold_in(key, number))
            for name, images in shown.items():
                columns.setdefault(name, []).extend(np.asarray(images))
        return columns

    @cached_property
    def _replicate(self) -> Callable[[TrainState], TrainState]:
        return jax.jit(lambda state: state, out_shardings=self.sharded.replicated)

    @cached_property
    def _sample_batch(self) -> jax.stages.Wrapped:
        method, data = self.config.method, self.config.data

        @partial(jax.jit, compiler_options=compiler_options())
        def sample_batch(state, raw, key):
            # jit would sort the keys of a plain dict.
            return OrderedDict(method.sample(state, data.preprocess(raw), key))

        return sample_batch
