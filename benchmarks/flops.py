"""Counts the floating-point operations of a train step: `python benchmarks/flops.py --config FILE`.

XLA counts them in the program before optimization, but only in a process that runs on the CPU. So
this one does, and counts them in the program for --platform. Takes its own options (--help) and the
arguments of train.py. Prints a number; --json=FILE writes it.
"""

import dataclasses
import os
import subprocess
import sys
from collections.abc import Sequence

import jax
import options

from jaxgan.cli import console
from jaxgan.config import Config
from jaxgan.training.program import make_program


def flops_per_step(config: Config, platform: str) -> float:
    """Return the floating-point operations of one step; JAX must run on the CPU.

    Args:
        config: The config.
        platform: A platform as `jax.default_backend` names it.
    """
    train = dataclasses.replace(config.train, mesh="data:1", steps_per_dispatch=1)
    program = make_program(dataclasses.replace(config, train=train))
    state = jax.eval_shape(program.sharded.split_directions, program.shapes)
    key = jax.eval_shape(jax.random.key, 0)
    traced = jax.jit(program.train_steps).trace(state, program.batches_spec(), key)
    lowered = traced.lower(lowering_platforms=("cuda" if platform == "gpu" else platform,))
    counted = lowered.cost_analysis()
    assert counted is not None
    return counted["flops"]


def flops_in_a_process(arguments: Sequence[str]) -> float:
    """Return `flops_per_step` of the arguments of train.py, for this process's platform."""
    command = [sys.executable, __file__, f"--platform={jax.default_backend()}", *arguments]
    # The mesh in the arguments may need as many devices as there are.
    env = {"JAX_PLATFORMS": "cpu", "JAX_NUM_CPU_DEVICES": str(jax.device_count())}
    done = subprocess.run(command, env=os.environ | env, check=True, stdout=subprocess.PIPE)
    return float(done.stdout)


def main() -> int:
    """Count and return the exit code."""
    parser = options.parser()
    parser.add_argument("--platform", default="cpu", help="cpu, gpu or tpu (default: cpu)")
    own, rest = options.read(parser, sys.argv[1:])
    jax.config.update("jax_platforms", "cpu")
    flops = flops_per_step(options.experiment(rest)[1], own.platform)
    print(flops)
    options.write(own.json, {"flops_per_step": flops})
    return 0


if __name__ == "__main__":
    sys.exit(console.run(main))
