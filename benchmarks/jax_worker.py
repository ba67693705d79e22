"""The jaxgan process of `pytorch.py`: serves blocks of a config's train step on noise.

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
import options
import train_steps
from jaxtyping import PRNGKeyArray

from jaxgan.cli import console
from jaxgan.config import Config
from jaxgan.training.program import batch_spec, make_program
from jaxgan.types import Batch, Spec


@dataclass(frozen=True)
class Noise:
    """A data set of noise for a train step, without augmentation."""

    shapes: Spec

    def spec(self, batch_size: int) -> Spec:
        return self.shapes

    def augment(self, raw: Batch, key: PRNGKeyArray) -> Batch:
        return raw


def prepare(config: Config) -> tuple[dict[str, Any], Any]:
    """Compile the train step of a config, for `blocks.serve`."""
    spec = batch_spec(config)
    one_device = dataclasses.replace(config.train, mesh="data:1")  # as on PyTorch's side
    config = dataclasses.replace(config, data=Noise(spec), train=one_device)
    program = make_program(config)
    run = train_steps.runner(program, program.lower().compile())
    return {
        "platform": jax.default_backend(),
        "device": jax.devices()[0].device_kind,
        "versions": {name: metadata.version(name) for name in ("jax", "jaxlib")},
    }, run


def main() -> int:
    """Serve blocks of steps and return the exit code."""
    # Leaves unused GPU memory to the other processes.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    _, config = options.experiment(sys.argv[1:])
    blocks.serve(lambda: prepare(config))
    return 0


if __name__ == "__main__":
    sys.exit(console.run(main))
