"""Moving averages of the generators, which replace the latest weights after training.

`TrainState.memory` holds an average for each generator: `average` for `generator`, `average_ab` for
`generator_ab`. Parameters and running batch-norm statistics are averaged.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Integer

from jaxgan.types import PyTree, TrainState


def average_name(network: str) -> str:
    """Return the name of a network's average in `TrainState.memory`."""
    return network.replace("generator", "average")


def latest_weights(state: TrainState) -> dict[str, PyTree]:
    """Return the Flax variables of every generator, by name of its average."""
    return {
        average_name(network): _variables(state, network)
        for network in state.params
        if network.startswith("generator")
    }


def averaged_weights(state: TrainState, network: str) -> PyTree:
    """Return the Flax variables of a generator: their average if the state has one."""
    return state.memory.get(average_name(network)) or _variables(state, network)


def update_averages(before: TrainState, after: TrainState, decay: float) -> dict[str, PyTree]:
    """Return the averages after a step, by name.

    Args:
        before: The state before the step, with the averages.
        after: The state after the step.
        decay: Factor on the weights of all earlier values at every step.
    """
    return {
        name: average(before.memory[name], latest, decay, before.step)
        for name, latest in latest_weights(after).items()
    }


def reset_averages(state: TrainState) -> dict[str, PyTree]:
    """Return the memory of a state whose averages, if there are any, are the latest weights."""
    latest = latest_weights(state)
    return {name: latest.get(name, value) for name, value in state.memory.items()}


def average(average: PyTree, latest: PyTree, decay: float, step: Integer[Array, ""]) -> PyTree:
    """Return an exponential moving average, updated for one step.

    The average is bias-corrected (Kingma & Ba 2015, arXiv 1412.6980, section 3): after t steps the
    weights decay**(t-i) * (1 - decay) of the values i are divided by their sum, 1 - decay**t. The
    value before the first step has no influence.

    Args:
        average: The average before this step.
        latest: The value after this step.
        decay: Factor on the weights of all earlier values at every step.
        step: Steps taken before this one.
    """
    weights = -jnp.expm1(jnp.log(decay) * jnp.array([step, step + 1]))  # 1 - decay**t
    kept = decay * weights[0] / weights[1]
    return jax.tree.map(lambda old, new: kept * old + (1 - kept) * new, average, latest)


def _variables(state: TrainState, network: str) -> PyTree:
    return {"params": state.params[network], "batch_stats": state.batch_stats[network]}
