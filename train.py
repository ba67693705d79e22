"""Trains the experiment of a config file: `python train.py --config configs/quickstart.py`."""

import signal
import sys
from pathlib import Path

from jaxgan import command_line, dry_run
from jaxgan.metrics.evaluate import during_training
from jaxgan.trainer import train
from jaxgan.workdir import next_workdir


def main() -> int:
    """Train as the command line says; return the exit code."""
    name, arguments = command_line.parse(sys.argv[1:])
    if arguments.dry_run:
        print(dry_run.describe(arguments.config))
        return 0
    workdir = arguments.workdir or next_workdir(Path("runs"), name)
    received = train(arguments.config, workdir, during_training)
    return 130 if received == signal.SIGINT else 0  # a preempted run ends well


if __name__ == "__main__":
    sys.exit(command_line.run(main))
