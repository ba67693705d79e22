"""The command `jaxgan`, for trained models.

Commands import their dependencies when they are called, so that help and usage errors are fast.
"""

import sys
from collections.abc import Sequence
from typing import Annotated

import tyro

from jaxgan.cli import console
from jaxgan.cli.evaluate import Evaluate
from jaxgan.cli.generate import Generate
from jaxgan.cli.torch import ExportTorch, ImportTorch
from jaxgan.cli.translate import Translate

Command = (
    Annotated[Translate, tyro.conf.subcommand("translate")]
    | Annotated[Generate, tyro.conf.subcommand("generate")]
    | Annotated[Evaluate, tyro.conf.subcommand("evaluate")]
    | Annotated[ImportTorch, tyro.conf.subcommand("import-torch")]
    | Annotated[ExportTorch, tyro.conf.subcommand("export-torch")]
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    given = sys.argv[1:] if arguments is None else arguments

    def run() -> int:
        console.print_version(given)
        command = console.parse_as(Command, given, prog="jaxgan")
        return command() or 0

    return console.run(run)


if __name__ == "__main__":
    sys.exit(main())
