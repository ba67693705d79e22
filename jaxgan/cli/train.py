"""The command `jaxgan train`; `train.py` is the same."""

import contextlib
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from jaxgan.cli.console import check_not_empty, parse_as, print_version
from jaxgan.errors import UserError
from jaxgan.packaged import find_config

if TYPE_CHECKING:
    from jaxgan.cli.arguments import TrainArguments


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Options of training that are not part of an experiment."""

    workdir: Path | None = None
    """Folder of the run; by default the next free runs/NNNNN-NAME, with the name of the config."""
    dry_run: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Print the config, the parameters of each network and the memory of a train step, then
    exit."""


@dataclass(frozen=True, kw_only=True)
class Train(RunOptions):
    """Train an experiment, or continue it if the folder of the run already holds one.

    --config.FIELD=VALUE sets a field of the experiment; jaxgan train CONFIG --help explains them.
    """

    config: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="CONFIG")]
    """The name of a packaged config (jaxgan configs lists them), or a config file."""


def main(arguments: Sequence[str]) -> int:
    """Train as the arguments request, and return the exit code."""
    return run(*parse(arguments))


def parse(arguments: Sequence[str]) -> "tuple[str, TrainArguments]":
    """Return the name of the config, and the parsed arguments.

    Args:
        arguments: First the config, or anywhere `--config CONFIG`; and options.

    Raises:
        UserError: If the config or a field does not exist, or a value is invalid.
        SystemExit: After printing the output of `--help` or `--version`.
    """
    check_not_empty(arguments)
    config, rest = _take_config(arguments)
    print_version(rest)
    if config is None and ("--help" in rest or "-h" in rest):
        parse_as(Train, ["--help"], prog="jaxgan train")
    if config is None:
        raise UserError(
            "no config given: it comes first, as in jaxgan train CONFIG --workdir DIR; a file, or "
            "a name that `jaxgan configs` lists"
        )
    path = find_config(config)

    # These import JAX, which is slow.
    from jaxgan.cli.arguments import (
        DataArguments,
        TrainArguments,
        keep_epochs,
        published_epoch_size,
    )
    from jaxgan.config import load

    default, options = load(path), {"config": (tyro.conf.AvoidSubcommands,)}
    if published_epoch_size(default.data):  # the number of steps depends on the data set
        chosen, _ = parse_as(
            DataArguments,
            rest,
            default=DataArguments.of(default),
            return_unknown_args=True,
            add_help=False,
            **options,
        )
        default = keep_epochs(default, chosen.config.data)
    parsed = parse_as(
        TrainArguments,
        rest,
        prog=f"jaxgan train {config}",
        default=TrainArguments(config=default),
        **options,
    )
    return path.stem, parsed


def run(name: str, arguments: "TrainArguments") -> int:
    """Train what `parse` returned, and return the exit code."""
    import jax

    from jaxgan.devices import processes
    from jaxgan.experiment import train
    from jaxgan.training import dry_run
    from jaxgan.training.runs import RUNS
    from jaxgan.training.workdir import new_workdir

    processes.join(arguments.processes)
    if arguments.dry_run:
        print(dry_run.describe(arguments.config))
        return 0
    if jax.process_count() > 1 and not arguments.workdir:
        raise UserError("several processes need a --workdir, that all of them can see")
    with contextlib.ExitStack() as stack:
        workdir = arguments.workdir or stack.enter_context(new_workdir(RUNS, name))
        received = train(arguments.config, workdir)
    return 130 if received == signal.SIGINT else 0  # a preempted run succeeds


def _take_config(arguments: Sequence[str]) -> tuple[str | None, list[str]]:
    """Split off `--config CONFIG`, `--config=CONFIG`, or a CONFIG that comes first."""
    config, rest = None, []
    remaining = iter(arguments)
    for argument in remaining:
        if argument == "--config":
            config = next(remaining, None)
        elif argument.startswith("--config="):
            config = argument.removeprefix("--config=")
        else:
            rest.append(argument)
    if config is None and rest and not rest[0].startswith("-"):
        config = rest.pop(0)
    return config, rest
