"""Lists where the time of a train step goes: `python benchmarks/top_kernels.py --config FILE`.

Profiles a few steps on noise and sums the times of kernels (on a CPU, of XLA's operations) with the
same name up to numbers. Takes its own options (--help) and the arguments of train.py.

On a CPU with several cores, the threads that compute convolutions are not in the profile. On one
core, without those threads, it is complete:

    XLA_FLAGS=--xla_cpu_multi_thread_eigen=false taskset -c 0 python benchmarks/top_kernels.py ...
"""

import collections
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import jax
import options
import train_steps
from jax.profiler import ProfileData

from jaxgan.cli import console
from jaxgan.config import Config
from jaxgan.training.program import make_program

STEPS = 5


def profile(config: Config, folder: Path) -> Path:
    """Write a profile of some steps into a folder, and return its file."""
    program = make_program(config)
    run = train_steps.runner(program, program.lower().compile())
    run(2)  # the first steps also fill caches
    with jax.profiler.trace(folder):
        run(STEPS)
    (file,) = folder.rglob("*.xplane.pb")
    return file


def events(file: Path) -> Iterator[tuple[str, int]]:
    """Yield name and nanoseconds of everything that the device computed in a profile."""
    planes = list(ProfileData.from_file(str(file)).planes)
    devices = [plane for plane in planes if plane.name.startswith("/device:")]
    for plane in devices or [plane for plane in planes if plane.name == "/host:CPU"]:
        for line in plane.lines:
            computes = line.name.startswith("Stream") if devices else "XLA" in line.name
            if computes:
                yield from (
                    (event.name, round(event.duration_ns))
                    for event in line.events
                    if "Executor" not in event.name  # on a CPU, what waits for operations
                )


def main() -> int:
    """Run the benchmark and return its exit code."""
    parser = options.parser()
    parser.add_argument("--count", type=int, default=20, help="number of kernels to list")
    own, rest = options.read(parser, sys.argv[1:])
    name, config = options.experiment(rest)
    totals, counts = collections.Counter[str](), collections.Counter[str]()
    with tempfile.TemporaryDirectory() as folder:
        for kernel, nanoseconds in events(profile(config, Path(folder))):
            kind = re.sub(r"\d+", "#", kernel)
            totals[kind] += nanoseconds
            counts[kind] += 1
    whole = sum(totals.values())
    kernels = [
        {
            "kernel": kind,
            "ms_per_step": nanoseconds / STEPS / 1e6,
            "share": nanoseconds / whole,
            "count_per_step": counts[kind] / STEPS,
        }
        for kind, nanoseconds in totals.most_common(own.count)
    ]
    print(f"{'ms/step':>9} {'share':>6} {'count':>7}  kernel")
    for kernel in kernels:
        time, share, count, kind = (
            kernel[key] for key in ("ms_per_step", "share", "count_per_step", "kernel")
        )
        print(f"{time:9.3f} {share:6.1%} {count:7.1f}  {kind[:100]}")
    options.write(own.json, {"config": name, "ms_per_step": whole / STEPS / 1e6, "top": kernels})
    return 0


if __name__ == "__main__":
    sys.exit(console.run(main))
