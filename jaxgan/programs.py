"""The jitted functions of an experiment."""

import contextlib
import dataclasses
from collections import OrderedDict
from collections.abc import Callable, Iterator
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray

from jaxgan import partition
from jaxgan.compiler import compiler_options
from jaxgan.config import Config
from jaxgan.errors import UserError
from jaxgan.loops import scan
from jaxgan.partition import Placed
from jaxgan.types import (
    ImageArray,
    RawBatch,
    RawBatches,
    Scheduled,
    Spec,
    StepMetrics,
    TrainState,
)

Init = Callable[[PRNGKeyArray], TrainState]
TrainSteps = Callable[[TrainState, RawBatches, PRNGKeyArray], tuple[TrainState, StepMetrics]]
Sample = Callable[[TrainState, list[RawBatch], PRNGKeyArray], dict[str, list[ImageArray]]]


def resolve(config: Config) -> Config:
    """Return a config whose method has all its settings, see `Method.resolve`.

    Raises:
        UserError: If no setting fits the images.
    """
    with _fitting(config):
        method = config.method.resolve(batch_spec(config), config.train.steps)
    return dataclasses.replace(config, method=method)


def make_init(config: Config) -> Init:
    """Return the function that makes the state before the first step.

    It raises a `UserError` if the networks do not fit the images.
    """
    with _fitting(config):
        spec = batch_spec(config)

    def init(key):
        with _fitting(config):
            return config.method.init(key, spec)

    return init


@contextlib.contextmanager
def _fitting(config: Config) -> Iterator[None]:
    """Turn errors about settings that do not fit each other into a `UserError`."""
    try:
        yield
    except ValueError as error:
        raise UserError(str(error)) from error
    except KeyError as error:  # the name of an image
        method, data = type(config.method).__name__, type(config.data).__name__
        raise UserError(f"{method} does not fit {data} data, which has no {error}") from error


def place(config: Config) -> Placed:
    """Put the method of an experiment on a mesh.

    Raises:
        UserError: If the networks do not fit the images, or the experiment not the mesh.
    """
    method, shapes = config.method, jax.eval_shape(make_init(config), jax.random.key(0))
    mesh = partition.make_mesh(config.train.mesh, method, shapes, batch_spec(config))
    return Placed(method, mesh, shapes)


def make_placed_init(config: Config, placed: Placed) -> jax.stages.Wrapped:
    """Return the jitted `Init` of a state that lies on the devices from the start."""
    init = make_init(config)
    return jax.jit(lambda key: placed.place(init(key)), out_shardings=placed.shardings)


def make_train_steps(config: Config, placed: Placed) -> jax.stages.Wrapped:
    """Return the jitted `TrainSteps`: as many steps as there are batches, one after the other.

    A step is augmentation and the update of every network. It takes the same key as all others,
    into which it folds its number. The state it is given is donated.
    """
    method = placed.method

    def train_step(state, raw, key):
        augment_key, method_key = jax.random.split(jax.random.fold_in(key, state.step))
        batch = config.data.augment(raw, augment_key)
        after, metrics = placed.train_step(state, batch, method_key)
        if isinstance(method, Scheduled):
            rate = method.schedule.scale(method.learning_rate)(state.step)
            metrics |= {"learning_rate": jnp.asarray(rate, jnp.float32)}
        return after, metrics

    def train_steps(state, batches, key):
        return scan(partial(train_step, key=key), state, batches)

    return jax.jit(
        train_steps,
        in_shardings=(placed.shardings, placed.split_batches, placed.everywhere),
        out_shardings=(placed.shardings, placed.everywhere),
        donate_argnums=0,
        compiler_options=compiler_options(),
    )


def lower_train_steps(config: Config, placed: Placed) -> jax.stages.Lowered:
    """Return the program of `make_train_steps`, as it is given to the compiler."""
    state = jax.eval_shape(placed.place, placed.shapes)
    key = jax.eval_shape(jax.random.key, 0)
    return make_train_steps(config, placed).lower(state, batches_spec(config), key)


def make_sample(config: Config) -> Sample:
    """Return the function from batches of held-out images to the columns of a sample grid.

    It is compiled once for every size of images.
    """

    @partial(jax.jit, compiler_options=compiler_options())
    def sample_batch(state, raw, key):
        # jit would sort the keys of a plain dict.
        return OrderedDict(config.method.sample(state, config.data.preprocess(raw), key))

    def sample(state, held_out, key):
        columns: dict[str, list[ImageArray]] = {}
        for number, raw in enumerate(held_out):
            shown = sample_batch(state, raw, jax.random.fold_in(key, number))
            for name, images in shown.items():
                columns.setdefault(name, []).extend(np.asarray(images))
        return columns

    return sample


def make_gather(placed: Placed) -> Callable[[TrainState], TrainState]:
    """Return the function from a state that is trained to one as checkpoints have it."""
    return jax.jit(placed.gather, out_shardings=placed.gathered)


def make_copy(placed: Placed) -> Callable[[TrainState], TrainState]:
    """Return the function from what `make_gather`'s returns to a copy on one device, to be used.

    It has no optimizer. Every process makes a copy of its own.
    """
    replicate = jax.jit(
        lambda state: dataclasses.replace(state, opt_state={}), out_shardings=placed.everywhere
    )
    return lambda state: jax.tree.map(lambda leaf: leaf.addressable_data(0), replicate(state))


def batches_spec(config: Config) -> Spec:
    """Return shapes and dtypes of the batches that `make_train_steps`'s function is given."""
    steps = config.train.steps_per_dispatch
    return jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct((steps, *leaf.shape), leaf.dtype),
        dict(config.data.spec(config.train.batch_size)),
    )


def batch_spec(config: Config) -> Spec:
    """Return shapes and dtypes of the batches that a method is trained on."""
    raw = config.data.spec(config.train.batch_size)
    return jax.eval_shape(config.data.augment, raw, jax.random.key(0))
