"""The jaxgan process of `pytorch.py`: serves blocks of a config's train step on noise.

Takes the arguments of train.py.
"""

import contextlib
import dataclasses
import os
import sys
from importlib import metadata
from typing import Any

import blocks
import jax
import options
import train_steps

from jaxgan.cli import console
from jaxgan.config import Config
from jaxgan.errors import UserError
from jaxgan.training.dry_run import memory_of
from jaxgan.training.program import make_program


def without_augmentation(config: Config) -> Config:
    """Return a config whose step neither crops nor flips, as on PyTorch's side."""
    data: Any = config.data
    loading = dataclasses.replace(data.loading, load_size=data.loading.crop_size, flip=False)
    return dataclasses.replace(config, data=dataclasses.replace(data, loading=loading))


def prepare(config: Config) -> blocks.Steps:
    """Compile the train step of a config on one device."""
    train = dataclasses.replace(config.train, mesh="data:1")
    config = without_augmentation(dataclasses.replace(config, train=train))
    program = make_program(config)
    compiled = program.lower().compile()
    about = {
        "platform": jax.default_backend(),
        "device": jax.devices()[0].device_kind,
        "versions": {name: metadata.version(name) for name in ("jax", "jaxlib")},
    }
    with contextlib.suppress(UserError):
        about["memory_mib"] = sum(memory_of(compiled)) / 2**20
    return blocks.Steps(train_steps.runner(program, compiled), lambda: about)


def main() -> int:
    """Serve blocks of steps and return the exit code."""
    # Leaves unused GPU memory to the other processes.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    _, config = options.experiment(sys.argv[1:])
    blocks.serve(lambda: prepare(config))
    return 0


if __name__ == "__main__":
    sys.exit(console.run(main))
