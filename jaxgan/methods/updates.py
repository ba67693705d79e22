"""Operations on networks that the methods share, such as initialization and updates."""

import dataclasses
from collections.abc import Mapping

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Integer, PRNGKeyArray

from jaxgan.methods import accumulate
from jaxgan.methods.averages import reset_averages
from jaxgan.networks.layers.compute import widen
from jaxgan.types import Images, PyTree, TrainState

START = 0.1  # sum of the learning rates of the first steps: 500 steps at 2e-4


def init_state(
    key: PRNGKeyArray,
    optimizer: optax.GradientTransformation,
    networks: Mapping[str, tuple[nn.Module, tuple[int, ...]]],
    parts: int,
) -> TrainState:
    """Return a state with initialized networks and an optimizer state for each.

    Args:
        key: Root key; each network gets its own.
        optimizer: The optimizer of every network.
        networks: By network name, the module and the shape of its input.
        parts: Number of micro-batches that a batch is split into.

    Raises:
        ValueError: If the batch cannot be split evenly.
    """
    batch_size = next(iter(networks.values()))[1][0]
    if batch_size % parts:
        raise ValueError(
            f"a batch of {batch_size} cannot be split into {parts} equal micro-batches: choose "
            "another --config.method.accumulate or --config.train.batch_size"
        )
    params, batch_stats = {}, {}
    keys = jax.random.split(key, len(networks))
    for key, (name, (module, shape)) in zip(keys, networks.items(), strict=True):
        variables = module.init({"params": key, "dropout": key}, jnp.zeros(shape))
        params[name] = variables["params"]
        batch_stats[name] = variables.get("batch_stats", {})
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        params=params,
        batch_stats=batch_stats,
        opt_state={name: optimizer.init(params[name]) for name in networks},
        memory={},
    )


def run(
    network: nn.Module,
    params: PyTree,
    batch_stats: PyTree,
    x: Float[Array, "batch *input"],
    dropout_key: PRNGKeyArray | None = None,
) -> tuple[Float[Array, "batch *output"], PyTree]:
    """Return a network's output in training mode, and its new running statistics.

    Args:
        network: The network.
        params: Its parameters.
        batch_stats: Its running statistics; empty without batch norm.
        x: Its input.
        dropout_key: Random key for dropout; None if the network has no dropout.
    """
    variables = {"params": params, "batch_stats": batch_stats}
    rngs = {} if dropout_key is None else {"dropout": dropout_key}
    y, updated = network.apply(variables, x, rngs=rngs, mutable=["batch_stats"])
    return y, updated.get("batch_stats", {})


class Passes:
    """Applies a network several times in training mode, within one loss.

    Each pass gets the running statistics that the previous one left, and its own dropout key.

    Attributes:
        stats: Running statistics after the last pass.
    """

    def __init__(self, network: nn.Module, params: PyTree, stats: PyTree, key: PRNGKeyArray):
        self.network, self.params, self.stats, self.key = network, params, stats, key
        self.count = 0

    def __call__(self, x: Float[Array, "batch *input"]) -> Float[Array, "batch *output"]:
        """Return the network's output."""
        dropout_key = jax.random.fold_in(self.key, self.count)
        self.count += 1
        y, self.stats = run(self.network, self.params, self.stats, x, dropout_key)
        return y

    def both(
        self, x: Float[Array, "batch *input"], y: Float[Array, "batch *input"]
    ) -> Float[Array, "2 batch *output"]:
        """Return the outputs for two batches, computed in one pass."""
        return deinterleave(self(interleave(x, y)))


def interleave(*batches: Float[Array, "batch *_"]) -> Float[Array, "images *_"]:
    """Interleave batches into one; the images of sharded batches stay on their devices."""
    return accumulate.merge_batch(jnp.stack(batches))


def deinterleave(images: Float[Array, "images *_"]) -> Float[Array, "2 batch *_"]:
    """Undo `interleave` of two batches."""
    return accumulate.split_batch(images, 2)


def represent(
    network: nn.Module, params: PyTree, batch_stats: PyTree, images: Images
) -> list[Float[Array, "batch _ _ _"]]:
    """Return the features that a network sows, in order from the input."""
    variables = {"params": params, "batch_stats": batch_stats}
    _, sown = network.apply(variables, images, use_running_average=True, mutable=["intermediates"])
    return [widen(jnp.asarray(features)) for features in sown["intermediates"]["features"]]


def has_started(step: Integer[Array, ""], learning_rate: float) -> Bool[Array, ""]:
    """Return whether enough steps were taken for a warning about the images to mean something.

    Initial weights give images without diversity, in random colors. A step of Adam changes a weight
    by at most about the learning rate, so the number of steps that this lasts is inversely
    proportional to it.
    """
    return step >= START / learning_rate


def with_weights(state: TrainState, params: PyTree, batch_stats: PyTree) -> TrainState:
    """Return a state with new parameters and running statistics; resets the averages to them."""
    state = dataclasses.replace(state, params=params, batch_stats=batch_stats)
    return dataclasses.replace(state, memory=reset_averages(state))


def update(
    optimizer: optax.GradientTransformation, gradients: PyTree, opt_state: PyTree, params: PyTree
) -> tuple[PyTree, PyTree]:
    """Return one network's new parameters and optimizer state."""
    updates, opt_state = optimizer.update(gradients, opt_state, params)
    return optax.apply_updates(params, updates), opt_state


def update_all(
    optimizer: optax.GradientTransformation, gradients: Mapping[str, PyTree], state: TrainState
) -> tuple[dict[str, PyTree], dict[str, PyTree]]:
    """Return the new parameters and optimizer states of the networks that have gradients."""
    params, opt_state = {}, {}
    for name, gradient in gradients.items():
        params[name], opt_state[name] = update(
            optimizer, gradient, state.opt_state[name], state.params[name]
        )
    return params, opt_state
