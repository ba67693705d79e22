"""The command `jaxgan configs`."""

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from jaxgan import packaged
from jaxgan.errors import UserError


@dataclass(frozen=True)
class Configs:
    """List the packaged configs, or print or copy one of them."""

    name: Annotated[tyro.conf.Positional[str | None], tyro.conf.arg(metavar="NAME")] = None
    """Print this config; without a name, list all of them."""
    output: Path | None = None
    """File to copy the config to, such as my.py, to edit and train it."""

    def __call__(self) -> None:
        """Print the list or a config, or copy the config."""
        if self.name is None:
            if self.output is not None:
                raise UserError("name the config to copy: jaxgan configs NAME --output FILE")
            _print_list()
            return
        text = packaged.find_config(self.name).read_text(encoding="utf-8", errors="replace")
        if self.output is None:
            print(text, end="")
            return
        try:
            with self.output.open("x", encoding="utf-8") as opened:
                opened.write(text)
        except FileExistsError as error:
            raise UserError(f"{self.output} exists: choose another --output") from error
        print(
            f"written to {self.output}: edit it, then: jaxgan train {shlex.quote(str(self.output))}"
        )


def _print_list() -> None:
    names = packaged.names()
    width = max(map(len, names), default=0)
    for name in names:
        print(f"{name:{width}}  {packaged.summary(name)}")
    print("\njaxgan train NAME                  trains one")
    print("jaxgan configs NAME --output FILE  copies one to a file, to edit it")
