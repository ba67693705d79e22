"""The command line of `train.py`, and how errors look on it."""

import contextlib
import errno
import io
import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import jax
import pooch
import tyro

from jaxgan import processes
from jaxgan.config import Config, available, load
from jaxgan.errors import UserError
from jaxgan.processes import Processes

USAGE = """\
usage: python train.py --config FILE [--workdir DIR] [--dry-run] [--config.FIELD=VALUE ...]

Trains the experiment in FILE, or continues it if DIR holds a run of it.
python train.py --config FILE --help explains all fields of that experiment.

There are: """


@dataclass(frozen=True)
class TrainArguments:
    """Trains an experiment, or continues it if the run's folder holds one already."""

    config: Annotated[Config, tyro.conf.FlagConversionOff]
    workdir: Path | None = None
    """Folder of the run, by default the next free runs/NNNNN-NAME after the config's name."""
    dry_run: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Only print the config, the parameters of each network, and the memory of a train step."""
    processes: Annotated[Processes, tyro.conf.FlagCreatePairsOff, tyro.conf.arg(name="")] = field(
        default_factory=Processes
    )


def parse(arguments: Sequence[str]) -> tuple[str, TrainArguments]:
    """Return the name of the config file that was asked for, and everything that was set.

    Raises:
        UserError: If there is no such file or field, or a value does not fit.
        SystemExit: After printing what `--help` asks for.
    """
    path, rest = _take_config(arguments)
    if path is None:
        if "--help" in rest or "-h" in rest:
            print(USAGE + ", ".join(available()))
            sys.exit(0)
        raise UserError(
            f"no experiment given: pass --config FILE; there are: {', '.join(available())}"
        )
    parsed = parse_as(
        TrainArguments,
        rest,
        prog=f"train.py --config {path}",
        default=TrainArguments(config=load(Path(path))),
        config=(tyro.conf.AvoidSubcommands,),
    )
    return Path(path).stem, parsed


def parse_as(kind: Any, arguments: Sequence[str], **options: Any) -> Any:
    """Return what tyro makes of arguments.

    Raises:
        UserError: If they do not fit.
        SystemExit: After printing what `--help` asks for.
    """
    errors = io.StringIO()
    try:
        with contextlib.redirect_stderr(errors):
            return tyro.cli(kind, args=arguments, use_underscores=True, **options)
    except SystemExit as exit:
        if exit.code:
            message = f"{_one_line(errors.getvalue())} (--help explains all fields)"
            raise UserError(message) from None
        raise


def run(main: Callable[[], int]) -> int:
    """Return the exit code of `main`; what the user can mend becomes one line and exit code 2.

    Compiled programs are kept in the user's cache folder, or in JAX_COMPILATION_CACHE_DIR.
    """
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        cache = Path(pooch.os_cache("jaxgan")) / "xla"
        jax.config.update("jax_compilation_cache_dir", str(cache))
    try:
        return main()
    except (UserError, OSError) as error:
        message = str(error)
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            message += ": make room, and run the same command again"
    except jax.errors.JaxRuntimeError as error:
        reason = str(error).splitlines()[0]
        if "RESOURCE_EXHAUSTED" in str(error):
            message = (
                "the device is out of memory: lower --config.train.batch_size, "
                "--config.train.sample_count or the image size, or translate with --tile"
            )
        elif jax.distributed.is_initialized():
            message = (
                f"what the processes do together failed ({reason}): see what the others say; the "
                "same commands continue from the last checkpoint"
            )
        else:
            raise
    except RuntimeError as error:
        if "backend" not in str(error):
            raise
        message = str(error).splitlines()[0]  # JAX says which platform it lacks
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        processes.leave(130)
        return 130
    print(f"error: {message}", file=sys.stderr)
    processes.leave(2)
    return 2


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


def _one_line(box: str) -> str:
    """Return the message in tyro's frame as a single line, with the first of its suggestions."""
    lines = [line.strip("│ ") for line in box.splitlines()[1:]]  # the first is a title
    text = " ".join(line for line in lines if line.strip("─-╰╯ "))
    text = re.sub(r" ?(Argument helptext|For full helptext).*", "", text)
    return re.sub(r" Perhaps you meant: (\S+).*", r"; perhaps you meant \1", text)
