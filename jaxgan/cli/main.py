"""The command `jaxgan`.

Commands import their dependencies when they are called, so that help and usage errors are fast.
"""

import contextlib
import difflib
import io
import operator
import re
import sys
from collections.abc import Callable, Sequence
from functools import partial, reduce
from typing import Annotated

import tyro

from jaxgan.cli import console, train
from jaxgan.cli.configs import Configs
from jaxgan.cli.demo import Demo
from jaxgan.cli.evaluate import Evaluate
from jaxgan.cli.export import Export
from jaxgan.cli.generate import Generate
from jaxgan.cli.torch import ExportTorch, ImportTorch
from jaxgan.cli.train import Train
from jaxgan.cli.translate import Translate
from jaxgan.errors import UserError

OVERVIEW = """\
DCGAN, pix2pix and CycleGAN in pure JAX.

First steps:
  jaxgan train quickstart     train a first model, without a download
  jaxgan configs              list the configs that come with jaxgan
  jaxgan translate --run latest --input FOLDER --output FOLDER
  jaxgan demo --run latest    write a web page that runs the model
  jaxgan COMMAND --help       explain a command\
"""

COMMANDS = {
    "train": Train,
    "configs": Configs,
    "translate": Translate,
    "generate": Generate,
    "evaluate": Evaluate,
    "export": Export,
    "demo": Demo,
    "import-torch": ImportTorch,
    "export-torch": ExportTorch,
}
Command = reduce(
    operator.or_,
    (Annotated[command, tyro.conf.subcommand(name)] for name, command in COMMANDS.items()),
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
    if arguments[:1] == ["--tyro-print-completion"]:
        return partial(_print_completion, arguments[1:])
    if arguments and not arguments[0].startswith("-") and arguments[0] not in COMMANDS:
        similar = difflib.get_close_matches(arguments[0], COMMANDS, n=1)
        hint = f"perhaps you meant {similar[0]}; " if similar else ""
        raise UserError(
            f"unknown command {arguments[0]}: {hint}choose one of {', '.join(COMMANDS)}"
        )
    return console.parse_as(Command, arguments or ["--help"], prog="jaxgan", description=OVERVIEW)


def _print_completion(shells: Sequence[str]) -> None:
    """Print tyro's completion script.

    Line breaks in descriptions of options are removed: what follows them would be completed, too.
    """
    if tuple(shells) not in (("bash",), ("zsh",), ("fish",)):
        raise UserError("--tyro-print-completion takes a shell: bash, zsh or fish")
    with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()) as script:
        console.parse_as(Command, ["--tyro-print-completion", *shells], prog="jaxgan")
    spec = re.compile("^COMPLETION_SPEC = .*", re.MULTILINE)
    print(spec.sub(lambda found: found[0].replace(r"\n", " "), script.getvalue()), end="")


if __name__ == "__main__":
    sys.exit(main())
