"""Trains the experiment of a config file: `python train.py --config configs/quickstart.py`."""

import contextlib
import signal
import sys
from pathlib import Path

from jaxgan.cli import console
from jaxgan.cli import train as command_line
from jaxgan.errors import UserError


def main() -> int:
    """Train as the command line requests, and return the exit code."""
    name, arguments = command_line.parse(sys.argv[1:])

    # Imported late, so that help and usage errors are fast.
    import jax

    from jaxgan.devices import processes
    from jaxgan.metrics.evaluate import during_training
    from jaxgan.training import dry_run
    from jaxgan.training.trainer import train
    from jaxgan.training.workdir import new_workdir

    processes.join(arguments.processes)
    if arguments.dry_run:
        print(dry_run.describe(arguments.config))
        return 0
    if jax.process_count() > 1 and not arguments.workdir:
        raise UserError("several processes need a --workdir, that all of them can see")
    with contextlib.ExitStack() as stack:
        workdir = arguments.workdir or stack.enter_context(new_workdir(Path("runs"), name))
        received = train(arguments.config, workdir, during_training)
    return 130 if received == signal.SIGINT else 0  # a preempted run succeeds


if __name__ == "__main__":
    sys.exit(console.run(main))
