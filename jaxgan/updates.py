"""What every method does with each of its networks: initialize it, and take an optimizer step."""

from collections.abc import Mapping

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, PRNGKeyArray

from jaxgan.types import Images, PyTree, TrainState


def init_state(
    key: PRNGKeyArray,
    optimizer: optax.GradientTransformation,
    networks: Mapping[str, tuple[nn.Module, tuple[int, ...]]],
) -> TrainState:
    """Initialize networks, each from a key of its own, and an optimizer for each.

    Args:
        key: Root key.
        optimizer: The optimizer of every network.
        networks: By network name, the module and the shape of its input.
    """
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
    x: Images,
    dropout_key: PRNGKeyArray | None = None,
) -> tuple[Float[Array, "batch new_height new_width new_channels"], PyTree]:
    """Return a network's output in training mode, and its new running statistics.

    Args:
        network: The network.
        params: Its parameters.
        batch_stats: Its running statistics; empty without batch norm.
        x: Its input.
        dropout_key: Randomness of its dropout; without one there is none.
    """
    variables = {"params": params, "batch_stats": batch_stats}
    rngs = {} if dropout_key is None else {"dropout": dropout_key}
    y, updated = network.apply(variables, x, rngs=rngs, mutable=["batch_stats"])
    return y, updated.get("batch_stats", {})


def update(
    optimizer: optax.GradientTransformation, gradients: PyTree, opt_state: PyTree, params: PyTree
) -> tuple[PyTree, PyTree]:
    """Return one network's new parameters and optimizer state."""
    updates, opt_state = optimizer.update(gradients, opt_state, params)
    return optax.apply_updates(params, updates), opt_state
