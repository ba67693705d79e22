"""The command `jaxgan`.

Commands import their dependencies when they are called, so that help and usage errors are fast.
"""

import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated

import tyro

from jaxgan.cli import console, train
from jaxgan.cli.configs import Configs
from jaxgan.cli.evaluate import Evaluate
from jaxgan.cli.generate import Generate
from jaxgan.cli.torch import ExportTorch, ImportTorch
from jaxgan.cli.train import Train
from jaxgan.cli.translate import Translate

OVERVIEW = """\
DCGAN, pix2pix and CycleGAN in pure JAX.

First steps:
  jaxgan train quickstart     train a first model, without a download
  jaxgan configs              list the configs that come with jaxgan
  jaxgan translate --run latest --input FOLDER --output FOLDER
  jaxgan COMMAND --help       explain a command\
"""

Command = (
    Annotated[Train, tyro.conf.subcommand("train")]
    | Annotated[Configs, tyro.conf.subcommand("configs")]
    | Annotated[Translate, tyro.conf.subcommand("translate")]
    | Annotated[Generate, tyro.conf.subcommand("generate")]
    | Annotated[Evaluate, tyro.conf.subcommand("evaluate")]
    | Annotated[ImportTorch, tyro.conf.subcommand("import-torch")]
    | Annotated[ExportTorch, tyro.conf.subcommand("export-torch")]
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    return console.run(lambda: parse(given)() or 0)


def parse(arguments: Sequence[str]) -> Callable[[], int | None]:
    """Return the command, ready to be called.

    Raises:
        UserError: If an argument is invalid.
        SystemExit: After printing the output of `--help` or `--version`.
    """
    if arguments[:1] == ["train"]:  # its fields depend on the config
        return partial(train.run, *train.parse(arguments[1:]))
    console.print_version(arguments)
    given = arguments or ["--help"]
    return console.parse_as(Command, given, prog="jaxgan", description=OVERVIEW)


if __name__ == "__main__":
    sys.exit(main())
