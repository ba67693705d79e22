"""Runs the train steps of a program on noise that is already on the devices."""

from collections.abc import Callable

import jax
import numpy as np

from jaxgan.training.program import Program


def runner(program: Program, train_steps: jax.stages.Compiled) -> Callable[[int], int]:
    """Return a function that completes a number of steps, rounded up to whole dispatches.

    The function returns the number of steps that it ran.
    """
    rng, key = np.random.default_rng(0), jax.random.key(0)

    def noise(leaf):
        low, high = (0, 255) if np.issubdtype(leaf.dtype, np.integer) else (-1, 1)
        return rng.uniform(low, high, leaf.shape).astype(leaf.dtype)

    batches = jax.tree.map(noise, program.batches_spec())
    batches = jax.device_put(batches, program.sharded.batches_sharding)
    state = program.init(key)
    at_once = program.config.train.steps_per_dispatch

    def run(steps: int) -> int:
        nonlocal state
        dispatches = -(-steps // at_once)
        for _ in range(dispatches):
            state, _ = train_steps(state, batches, key)
        jax.block_until_ready(state)
        return dispatches * at_once

    return run
