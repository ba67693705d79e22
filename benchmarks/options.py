"""Options that all benchmarks share, and the format of their results."""

import argparse
import datetime
import json
import os
import platform
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import jax

from jaxgan import __version__
from jaxgan.cli import train as command_line
from jaxgan.config import Config
from jaxgan.settings.stored import to_json
from jaxgan.training.program import resolve


def parser() -> argparse.ArgumentParser:
    """Return a parser for the options that all benchmarks share."""
    options = argparse.ArgumentParser(
        usage="%(prog)s --config FILE [options] [--config.FIELD=VALUE ...]", allow_abbrev=False
    )
    options.add_argument("--batch_size", type=int, help="images (or pairs) a step")
    options.add_argument("--compute_dtype", help="float32 or bfloat16, for the networks")
    options.add_argument("--json", type=Path, help="file to write the results to")
    return options


def read(
    options: argparse.ArgumentParser, arguments: Sequence[str]
) -> tuple[argparse.Namespace, list[str]]:
    """Return the parsed options, and the arguments of train.py."""
    own, rest = options.parse_known_args(arguments)
    if own.batch_size is not None:
        rest.append(f"--config.train.batch_size={own.batch_size}")
    if own.compute_dtype is not None:
        rest.append(f"--config.method.compute_dtype={own.compute_dtype}")
    return own, rest


def experiment(arguments: Sequence[str]) -> tuple[str, Config]:
    """Return the name and the resolved config of the arguments of train.py."""
    name, parsed = command_line.parse(arguments)
    return name, resolve(parsed.config)


def compute_dtype(config: Config) -> str:
    """Return the dtype in which the networks of an experiment compute."""
    return to_json(config)["method"]["compute"]["compute_dtype"]


def about() -> dict[str, Any]:
    """Return the date, the hardware and the versions of a measurement."""
    return {
        "date": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        "hardware": {
            "cpu": cpu_model(),
            "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
            "devices": f"{jax.device_count()} x {jax.devices()[0].device_kind}",
        },
        "versions": {name: metadata.version(name) for name in ("jax", "jaxlib")}
        | {"jaxgan": __version__},
    }


def save(path: Path | None, results: Mapping[str, Any]) -> None:
    """Write results as JSON if a file is given; whoever stops this leaves a whole file."""
    if path:
        new = path.with_name(f"{path.name}.new")
        new.write_text(json.dumps(results, indent=2) + "\n")
        new.replace(path)


def write(path: Path | None, results: Mapping[str, Any]) -> None:
    """Write results with date, hardware and versions as JSON if a file is given."""
    save(path, about() | dict(results))


def report(path: Path | None, results: Mapping[str, Any]) -> None:
    """Print results as a table and as a line of JSON, and write them if a file is given."""
    for field, value in results.items():
        print(f"{field:32} {value}")
    print(json.dumps(results))
    write(path, results)


def cpu_model() -> str:
    """Return the name of the CPU."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return next(iter(names), platform.processor() or platform.machine())
