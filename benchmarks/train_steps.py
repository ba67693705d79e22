"""The train steps of a config, to be run on noise that lies on the devices."""

from collections.abc import Callable

import jax
import numpy as np

from jaxgan.config import Config
from jaxgan.partition import Placed
from jaxgan.programs import batches_spec, make_placed_init


def runner(
    config: Config, placed: Placed, train_steps: jax.stages.Compiled
) -> Callable[[int], int]:
    """Return a function that runs so many steps to their end, rounded up to whole dispatches.

    It returns how many.
    """
    rng, key = np.random.default_rng(0), jax.random.key(0)

    def noise(leaf):
        low, high = (0, 255) if np.issubdtype(leaf.dtype, np.integer) else (-1, 1)
        return rng.uniform(low, high, leaf.shape).astype(leaf.dtype)

    batches = jax.device_put(jax.tree.map(noise, batches_spec(config)), placed.split_batches)
    state = make_placed_init(config, placed)(key)

    def run(steps: int) -> int:
        nonlocal state
        dispatches = -(-steps // config.train.steps_per_dispatch)
        for _ in range(dispatches):
            state, _ = train_steps(state, batches, key)
        jax.block_until_ready(state)
        return dispatches * config.train.steps_per_dispatch

    return run
