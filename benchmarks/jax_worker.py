"""Our side of `pytorch.py`: the train step of a config on noise, in blocks.

Takes the arguments of train.py.
"""

import dataclasses
import os
import sys
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import blocks
import jax
import numpy as np
from jaxtyping import PRNGKeyArray

from jaxgan import command_line
from jaxgan.config import Config
from jaxgan.programs import batch_spec, make_placed_init, make_train_step, place
from jaxgan.types import Batch, Spec


@dataclass(frozen=True)
class Noise:
    """What a train step asks of a data set; the batches need no augmentation."""

    shapes: Spec

    def spec(self, batch_size: int) -> Spec:
        """See `Dataset.spec`."""
        return self.shapes

    def augment(self, raw: Batch, key: PRNGKeyArray) -> Batch:
        """See `Dataset.augment`."""
        return raw


def prepare(config: Config) -> tuple[dict[str, Any], Any]:
    """Compile the train step of a config; see `blocks.serve`."""
    spec = batch_spec(config)
    one_device = dataclasses.replace(config.train, mesh="data:1")  # PyTorch's side has one as well
    config = dataclasses.replace(config, data=Noise(spec), train=one_device)
    placed = place(config)
    rng = np.random.default_rng(0)
    noise = {name: rng.uniform(-1, 1, leaf.shape).astype("f") for name, leaf in spec.items()}
    batch = jax.device_put(noise, placed.split_batch)
    key = jax.random.key(0)
    state = make_placed_init(config, placed)(key)
    step = make_train_step(config, placed).lower(state, spec, key).compile()

    def run(steps: int) -> None:
        nonlocal state
        for _ in range(steps):
            state, _ = step(state, batch, key)
        jax.block_until_ready(state)

    return {
        "platform": jax.default_backend(),
        "device": jax.devices()[0].device_kind,
        "versions": {name: metadata.version(name) for name in ("jax", "jaxlib")},
    }, run


def main() -> int:
    """Serve blocks of what the command line says; return the exit code."""
    # What is not needed of a GPU's memory is left to the other processes.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    _, arguments = command_line.parse(sys.argv[1:])
    blocks.serve(lambda: prepare(arguments.config))
    return 0


if __name__ == "__main__":
    sys.exit(command_line.run(main))
