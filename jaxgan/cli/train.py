"""The command line of `train.py`."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import tyro

from jaxgan.cli.console import check_not_empty, parse_as, print_version
from jaxgan.errors import UserError

if TYPE_CHECKING:
    from jaxgan.cli.arguments import TrainArguments

USAGE = """\
usage: python train.py --config FILE [--workdir DIR] [--dry-run] [--config.FIELD=VALUE ...]

Trains the experiment in FILE, or continues it if DIR holds a run of it.
python train.py --config FILE --help explains all fields of that experiment.

There are: """


def parse(arguments: Sequence[str]) -> "tuple[str, TrainArguments]":
    """Return the name of the config file, and the parsed arguments.

    Raises:
        UserError: If the file or a field does not exist, or a value is invalid.
        SystemExit: After printing the output of `--help` or `--version`.
    """
    check_not_empty(arguments)
    path, rest = _take_config(arguments)
    print_version(rest)
    if path is None and ("--help" in rest or "-h" in rest):
        print(USAGE + available())
        sys.exit(0)
    if path is None:
        raise UserError(f"no experiment given: pass --config FILE; there are: {available()}")
    if not Path(path).is_file():
        raise UserError(f"there is no config file {path}; there are: {available()}")

    # These import JAX, which is slow.
    from jaxgan.cli.arguments import (
        DataArguments,
        TrainArguments,
        keep_epochs,
        published_epoch_size,
    )
    from jaxgan.config import load

    config, options = load(Path(path)), {"config": (tyro.conf.AvoidSubcommands,)}
    if published_epoch_size(config.data):  # the number of steps depends on the data set
        chosen, _ = parse_as(
            DataArguments,
            rest,
            default=DataArguments.of(config),
            return_unknown_args=True,
            add_help=False,
            **options,
        )
        config = keep_epochs(config, chosen.config.data)
    parsed = parse_as(
        TrainArguments,
        rest,
        prog=f"train.py --config {path}",
        default=TrainArguments(config=config),
        **options,
    )
    return Path(path).stem, parsed


def available() -> str:
    """Return the config files below the current folder, separated by commas."""
    return ", ".join(sorted(map(str, Path("configs").glob("*.py")))) or "none in this folder"


def _take_config(arguments: Sequence[str]) -> tuple[str | None, list[str]]:
    """Split off `--config FILE` or `--config=FILE`."""
    path, rest = None, []
    remaining = iter(arguments)
    for argument in remaining:
        if argument == "--config":
            path = next(remaining, None)
        elif argument.startswith("--config="):
            path = argument.removeprefix("--config=")
        else:
            rest.append(argument)
    return path, rest
