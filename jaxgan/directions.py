"""The state of CycleGAN by direction: what A to B owns, and what B to A.

The discriminator and the pool of a direction are those of the domain it translates to.
"""

import dataclasses
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int

from jaxgan.types import Metrics, TrainState

DIRECTIONS = ("ab", "ba")


def _names(direction: str) -> dict[str, str]:
    """Return the names of a direction's networks by their role in it."""
    return {
        "generator": f"generator_{direction}",
        "discriminator": f"discriminator_{direction[1]}",
        "pool": f"pool_{direction[1]}",
    }


def take_apart(state: TrainState) -> list[TrainState]:
    """Return the state of each direction, without the step, by role."""

    def pick(tree, names):
        return {role: tree[name] for role, name in names.items() if name in tree}

    parts = (state.params, state.batch_stats, state.opt_state, state.memory)
    return [
        TrainState((), *(pick(part, _names(direction)) for part in parts))
        for direction in DIRECTIONS
    ]


def put_together(step: Int[Array, ""], halves: Sequence[TrainState]) -> TrainState:
    """Undo `take_apart`."""
    merged = TrainState(step, {}, {}, {}, {})
    for direction, half in zip(DIRECTIONS, halves, strict=True):
        for part in ("params", "batch_stats", "opt_state", "memory"):
            for role, value in getattr(half, part).items():
                getattr(merged, part)[_names(direction)[role]] = value
    return merged


def name_metrics(metrics: Sequence[Metrics]) -> Metrics:
    """Merge the metrics of both directions under names of their own."""
    return {
        name.format(direction=direction, target=direction[1]): value
        for direction, measured in zip(DIRECTIONS, metrics, strict=True)
        for name, value in measured.items()
    }


def stack(state: TrainState) -> TrainState:
    """Return a state by role, every array with a first axis of directions.

    Raises:
        ValueError: If the directions differ in their shapes.
    """
    ab, ba = take_apart(state)
    if jax.tree.map(jnp.shape, ab) != jax.tree.map(jnp.shape, ba):
        raise ValueError("the directions can only be split if A and B have the same channels")
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), ab, ba)
    return dataclasses.replace(stacked, step=state.step)


def unstack(state: TrainState) -> TrainState:
    """Undo `stack`."""
    halves = [
        jax.tree.map(lambda leaf, half=half: leaf[half], dataclasses.replace(state, step=()))
        for half in range(len(DIRECTIONS))
    ]
    return put_together(state.step, halves)
