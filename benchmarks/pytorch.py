"""Compares jaxgan with PyTorch: `python benchmarks/pytorch.py --config configs/X.py`.

Times the train step of one config on noise on one device: ours, and the same networks and step in
PyTorch (`torch_models.py`), both as users of the references run it (eager) and in faster variants.
On a GPU, ours also has variants. Every competitor is a separate process; they run short blocks of
steps in turn. Needs no data set, but `pip install torch`, in this environment or, with --python, in
another one; without it, only ours runs. Takes its own options (--help) and the arguments of
train.py. Prints a table; --json=FILE also writes the time of every block.

Only an idle machine gives valid ratios: PyTorch's threads wait for each other by spinning, so other
programs slow it down much more than ours. `load_before` is the system load at the start.
"""

import argparse
import contextlib
import dataclasses
import datetime
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jax
import options
from blocks import Competitor, Failed, compete, cores, reason_in
from flops import flops_per_step

from jaxgan.cli import console
from jaxgan.config import Config
from jaxgan.errors import UserError
from jaxgan.settings.stored import to_json
from jaxgan.training.program import batch_spec

HERE = Path(__file__).parent
OURS = "jaxgan"


BFLOAT16 = "--config.method.compute_dtype=bfloat16"
ON_GPU = {
    "bfloat16": [BFLOAT16],
    "bfloat16, 10 steps per dispatch": [BFLOAT16, "--config.train.steps_per_dispatch=10"],
}


def read_arguments(arguments: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """Return the parsed options, and the arguments of train.py."""
    parser = options.parser()
    parser.add_argument("--rounds", type=int, default=7, help="blocks of each competitor")
    parser.add_argument("--block_seconds", type=float, default=4.0, help="length of a block")
    parser.add_argument("--threads", type=int, help="CPU cores to use, by default all")
    parser.add_argument("--python", default=sys.executable, help="interpreter that has PyTorch")
    parser.add_argument(
        "--start_seconds",
        type=float,
        default=600.0,
        help="time to start all competitors; those that are not ready by then are left out",
    )
    own, rest = options.read(parser, arguments)
    if own.rounds < 1:
        raise UserError("--rounds must be at least 1")
    return own, rest


def use_threads(threads: int) -> None:
    """Restrict this process and its children to a number of cores."""
    if not hasattr(os, "sched_setaffinity"):
        raise UserError("--threads works on Linux alone: leave it out")
    allowed = sorted(os.sched_getaffinity(0))
    if not 1 <= threads <= len(allowed):
        raise UserError(f"--threads must be between 1 and {len(allowed)}")
    os.sched_setaffinity(0, allowed[:threads])


def task_of(config: Config) -> dict[str, Any]:
    """Return the task for PyTorch's side from a config, as plain values."""
    method: Any = config.method
    fields = dataclasses.fields(method)
    default = type(method)()
    return {
        "method": type(method).__name__,
        "settings": {field.name: to_json(getattr(method, field.name)) for field in fields},
        "changed": [
            field.name
            for field in fields
            if getattr(method, field.name) != getattr(default, field.name)
        ],
        "shapes": {name: leaf.shape for name, leaf in batch_spec(config).items()},
    }


def torch_command(python: str, task: Mapping[str, Any]) -> list[str]:
    """Return the command that runs PyTorch's side."""
    return [python, str(HERE / "torch_worker.py"), json.dumps(task)]


def ask_torch(python: str, task: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the names of PyTorch's variants by platform.

    Raises:
        UserError: If PyTorch is not installed, or its side does not support the config.
    """
    try:
        done = subprocess.run(torch_command(python, task), capture_output=True, text=True)
    except OSError as error:
        raise UserError(f"--python={python} cannot be run: {error.strerror}") from error
    if done.returncode == 0:
        return json.loads(done.stdout)
    reason = reason_in(done.stderr)
    if "No module named 'torch'" in reason:
        raise UserError(f"{python} has no PyTorch: pip install torch, or name one by --python")
    raise UserError(reason.removeprefix("ValueError: "))


def start(
    stack: contextlib.ExitStack, own: argparse.Namespace, rest: Sequence[str], config: Config
) -> tuple[dict[str, Competitor], dict[str, str], Future[float]]:
    """Start all competitors.

    Ours are started one after the other, because XLA times kernels while it compiles. After the
    first of them, those of PyTorch are started at once, and compile at the same time as the others.

    Args:
        stack: Closes them on exit.
        own: The options.
        rest: The arguments of train.py.
        config: The config of these arguments.

    Returns:
        The competitors by name, the reasons why others failed, and the floating-point operations
        of a step, which are counted meanwhile.

    Raises:
        UserError: If ours fails.
    """
    deadline = time.monotonic() + own.start_seconds
    competitors: dict[str, Competitor] = {}
    failures: dict[str, str] = {}

    def begin(command):
        competitor = Competitor(command)
        stack.callback(competitor.close)
        return competitor

    def finish(name, competitor):
        try:
            competitor.wait_until_ready(deadline - time.monotonic())
        except Failed as error:
            failures[name] = str(error)
        else:
            competitors[name] = competitor
            print(f"{name} is ready", flush=True)

    command = [sys.executable, str(HERE / "jax_worker.py"), *rest]
    finish(OURS, begin(command))
    if OURS in failures:
        raise UserError(failures[OURS])
    platform = competitors[OURS].about["platform"]
    theirs: dict[str, Competitor] = {}
    try:
        for name, task in torch_tasks(own.python, config, platform).items():
            theirs[name] = begin(torch_command(own.python, task))
    except UserError as error:
        failures["PyTorch"] = str(error)
    flops = stack.enter_context(ThreadPoolExecutor()).submit(flops_per_step, config, platform)
    if platform == "gpu":
        for name, arguments in ON_GPU.items():
            finish(f"{OURS}, {name}", begin([*command, *arguments]))
    for name, competitor in theirs.items():
        finish(name, competitor)
    return competitors, failures, flops


def torch_tasks(python: str, config: Config, platform: str) -> dict[str, dict[str, Any]]:
    """Return the tasks of PyTorch's variants by name.

    Raises:
        UserError: If PyTorch is not installed, or does not support the config or the platform.
    """
    task = task_of(config)
    variants = ask_torch(python, task)
    if platform not in variants:
        raise UserError(f"JAX runs on {platform}, which this PyTorch does not support")
    return {
        f"PyTorch {name}": {**task, "platform": platform, "variant": name}
        for name in variants[platform]
    }


def summarize(ours: Sequence[float], theirs: Sequence[float], batch_size: int) -> dict[str, Any]:
    """Return medians. Ratios compare blocks of the same round; above 1, ours is faster."""
    ratios = [their / our for our, their in zip(ours, theirs, strict=True)]
    seconds = statistics.median(theirs)
    return {
        "ms_per_step": 1000 * seconds,
        "images_per_second": batch_size / seconds,
        "ratio": statistics.median(ratios),
        "ratio_range": [min(ratios), max(ratios)],
        "seconds_per_step": list(theirs),
    }


def table(results: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the results as a text table."""
    width = max(map(len, results))
    heads = ("ms/step", "images/s", "ratio", "from", "to", "start s")
    lines = [" " * width + "".join(f"{head:>11}" for head in heads)]
    for name, result in results.items():
        if "error" in result:
            lines.append(f"{name:{width}}    failed: {result['error']}")
            continue
        speed = (result["ms_per_step"], result["images_per_second"])
        columns = (*speed, result["ratio"], *result["ratio_range"])
        numbers = "".join(f"{number:11.2f}" for number in columns)
        lines.append(f"{name:{width}}{numbers}{result['start_seconds']:11.1f}")
    return "\n".join(lines)


def summary(
    name: str,
    config: Config,
    load: float,
    about: Mapping[str, Mapping[str, Any]],
    seconds: Mapping[str, Sequence[float]],
    failures: Mapping[str, str],
) -> dict[str, Any]:
    """Return all results.

    Args:
        name: Name of the config.
        config: The config.
        load: System load at the start.
        about: Facts about the competitors by name.
        seconds: Seconds per step of their blocks.
        failures: Why others failed.
    """
    batch_size = config.train.batch_size
    results = {
        name: {
            fact: about[name][fact]
            for fact in ("start_seconds", "memory_mib")
            if fact in about[name]
        }
        | summarize(seconds[OURS], times, batch_size)
        for name, times in seconds.items()
    }
    theirs = [name for name in results if not name.startswith(OURS)]
    best = min(theirs, key=lambda name: results[name]["ms_per_step"], default=None)
    return {
        "config": name,
        "batch_size": batch_size,
        "date": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        "hardware": {
            "cpu": options.cpu_model(),
            "threads": cores(),
            "device": about[OURS]["device"],
        },
        "load_before": load,
        "versions": {k: v for facts in about.values() for k, v in facts["versions"].items()},
        "best_pytorch": best,
        "results": results | {name: {"error": failure} for name, failure in failures.items()},
        "experiment": to_json(config),
    }


def main() -> int:
    """Run the benchmark and return its exit code."""
    load, (own, rest) = os.getloadavg()[0], read_arguments(sys.argv[1:])
    jax.config.update("jax_platforms", "cpu")  # this process computes only shapes
    name, config = options.experiment(rest)
    if own.threads is not None:
        use_threads(own.threads)
    report: dict[str, Any] = {}
    with contextlib.ExitStack() as stack:
        competitors, failures, flops = start(stack, own, rest, config)
        about = {name: competitor.about for name, competitor in competitors.items()}
        for seconds, later_failures in compete(competitors, own.rounds, own.block_seconds):
            failures |= later_failures
            if OURS in failures:
                raise UserError(failures[OURS])
            report = summary(name, config, load, about, seconds, failures)
            report["gflop_per_step"] = flops.result() / 1e9
            options.save(own.json, report)  # so that being stopped loses only later rounds
    for fact in ("config", "batch_size", "hardware", "load_before", "versions", "best_pytorch"):
        print(f"{fact:12} {report[fact]}")
    print("ratio: time of the other by time of ours in the same round, above 1 ours is faster")
    print(table(report["results"]))
    return 0


if __name__ == "__main__":
    sys.exit(console.run(main))
