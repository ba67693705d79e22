"""Compares a device's losses with the CPU's: `python benchmarks/agreement.py --steps 200`.

Trains a config on the same drawn facades in three processes, without TF32: on this machine's
device, on the CPU, and on the CPU from initial weights that differ by one part in 10 million, as
rounding does. Training amplifies rounding, so the last one shows which differences are to be
expected. --json=FILE writes the results.
"""

import argparse
import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np
import options

from jaxgan.cli import console
from jaxgan.data.facades.plan import facade
from jaxgan.errors import UserError
from jaxgan.training.program import make_program

ROUNDING = 1e-7
TRAINERS = {
    "device": ({}, 0.0),
    "cpu": ({"JAX_PLATFORMS": "cpu"}, 0.0),
    "cpu, other rounding": ({"JAX_PLATFORMS": "cpu"}, ROUNDING),
}


def losses(arguments: list[str], steps: int, change: float) -> dict[str, list[float]]:
    """Train on drawn facades, and return all losses by name.

    Args:
        arguments: The arguments of train.py; the data must be pairs of facades.
        steps: Number of steps.
        change: Relative change of the initial weights, up or down at random.
    """
    program = make_program(options.experiment(arguments)[1])
    spec = program.batches_spec()
    (_, batch_size, size, _, _) = next(iter(spec.values())).shape
    train_steps = program.lower().compile()
    state = program.init(jax.random.key(0))
    rng = np.random.default_rng(0)
    signs = jax.tree.map(lambda x: rng.choice([-change, change], x.shape), state.params)
    params = jax.tree.map(lambda x, sign: x * np.float32(1 + sign), state.params, signs)
    state = dataclasses.replace(state, params=params)
    found: dict[str, list[float]] = {}
    for step in range(steps):
        pairs = [facade(0, step * batch_size + image, size) for image in range(batch_size)]
        domains = (np.stack(images)[None] for images in zip(*pairs, strict=True))
        batches = dict(zip(spec, domains, strict=True))
        state, metrics = train_steps(state, batches, jax.random.key(1))
        for name, value in metrics.items():
            if name.startswith("loss/"):
                found.setdefault(name, []).append(float(np.asarray(value)[0]))
    return found


def largest(one: dict[str, list[float]], other: dict[str, list[float]]) -> dict[str, float]:
    """Return the largest difference of any loss, relative to its mean, up to certain steps."""
    differences = [
        np.abs(np.subtract(one[name], other[name])) / np.mean(np.abs(one[name])) for name in one
    ]
    worst = np.max(differences, axis=0)
    return {str(step): float(worst[:step].max()) for step in (1, 10, 50, 200) if step <= len(worst)}


def run_all(arguments: list[str], steps: int) -> dict[str, Any]:
    """Train in all processes at once, and return their differences from the CPU.

    Raises:
        UserError: If one of them fails.
    """
    processes = {
        name: subprocess.Popen(
            [sys.executable, __file__, *arguments, f"--steps={steps}", f"--change={change}"],
            env=os.environ | {"JAX_DEFAULT_MATMUL_PRECISION": "highest"} | variables,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name, (variables, change) in TRAINERS.items()
    }
    results = {}
    for name, process in processes.items():
        printed = process.communicate()[0]
        if process.returncode:
            raise UserError(f"the process on {name} failed")
        results[name] = json.loads(printed.splitlines()[-1])
    cpu = results.pop("cpu")
    return {name: largest(cpu, found) for name, found in results.items()}


def main() -> int:
    """Run the benchmark and return its exit code."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--config", default="configs/quickstart.py", help="a config on facades")
    parser.add_argument("--steps", type=int, default=200, help="number of steps (default: 200)")
    parser.add_argument("--change", type=float, help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path, help="file to write the results to")
    own, rest = parser.parse_known_args()
    arguments = ["--config", own.config, *rest]
    if own.change is not None:
        print(json.dumps(losses(arguments, own.steps, own.change)))
        return 0
    results = {"config": own.config, "steps": own.steps}
    options.report(own.json, results | run_all(arguments, own.steps))
    return 0


if __name__ == "__main__":
    sys.exit(console.run(main))
