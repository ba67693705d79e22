"""Measures a train step: `python benchmarks/step.py --config configs/pix2pix_facades.py`.

Takes its own options (--help) and the arguments of train.py. Needs no data set and no run: the
images are noise, generated once. Prints a table and, in the last line, the same as JSON;
--json=FILE writes it with hardware and versions.

XLA counts the FLOPs of the program before optimization, and the bytes that the optimized program
reads and writes. For comparison, the same run measures the speed of the device: a large matrix
product in --compute_dtype, at default precision, and a copy.
"""

import contextlib
import dataclasses
import statistics
import sys
import time

import jax
import options
import train_steps
from flops import flops_in_a_process
from peaks import copy_speed, product_speed

from jaxgan.cli import console
from jaxgan.config import Config
from jaxgan.devices.mesh import describe_mesh
from jaxgan.errors import UserError
from jaxgan.training.dry_run import memory_of
from jaxgan.training.program import make_program

ROUNDS = 5  # the median is reported


def measure(
    config: Config, flops: float, dtype: str, round_seconds: float
) -> dict[str, float | int | str]:
    """Compile and time the train step of a config, and matrix products of a dtype."""
    batch_size, program = config.train.batch_size, make_program(config)
    lowered = program.lower()
    start = time.perf_counter()
    compiled = lowered.compile()
    compile_seconds = time.perf_counter() - start
    run = train_steps.runner(program, compiled)

    def seconds_of(steps: int) -> float:
        start = time.perf_counter()
        steps = run(steps)
        return (time.perf_counter() - start) / steps

    seconds_of(2)  # the first steps also fill caches
    steps = max(1, round(round_seconds / seconds_of(2)))
    seconds = statistics.median(seconds_of(steps) for _ in range(ROUNDS))
    one_step = compiled
    if config.train.steps_per_dispatch > 1:  # XLA counts one iteration of a loop
        train = dataclasses.replace(config.train, steps_per_dispatch=1)
        one_step_config = dataclasses.replace(program.config, train=train)
        one_step = dataclasses.replace(program, config=one_step_config).lower().compile()
    devices = program.mesh.devices.size
    product, copied = devices * product_speed(dtype), devices * copy_speed()
    result = {
        "device": describe_mesh(program.mesh),
        "jax": jax.__version__,
        "batch_size": batch_size,
        "steps_per_dispatch": config.train.steps_per_dispatch,
        "compile_seconds": round(compile_seconds, 1),
        "ms_per_step": round(1000 * seconds, 2),
        "steps_per_second": round(1 / seconds, 2),
        "images_per_second": round(batch_size / seconds, 2),
        "gflop_per_step": round(flops / 1e9, 2),
        "gflop_per_second": round(flops / 1e9 / seconds, 1),
        "matrix_product_gflop_per_second": round(product / 1e9, 1),
        "share_of_matrix_product": round(flops / seconds / product, 3),
        "copy_gigabytes_per_second": round(copied / 1e9, 1),
    }
    with contextlib.suppress(UserError):
        result["memory_mib_per_device"] = round(sum(memory_of(compiled)) / 2**20, 1)
    if optimized := one_step.cost_analysis():  # not all platforms count bytes
        moved = devices * optimized["bytes accessed"]
        result["gigabyte_per_step"] = round(moved / 1e9, 3)
        result["share_of_copy"] = round(moved / seconds / copied, 3)
    return result


def main() -> int:
    """Run the benchmark and return its exit code."""
    parser = options.parser()
    parser.add_argument("--round_seconds", type=float, default=4.0, help="length of a round")
    own, rest = options.read(parser, sys.argv[1:])
    name, config = options.experiment(rest)
    dtype = options.compute_dtype(config)
    flops = flops_in_a_process(rest)
    result = {"config": name} | measure(config, flops, dtype, own.round_seconds)
    options.report(own.json, result)
    return 0


if __name__ == "__main__":
    sys.exit(console.run(main))
