"""The fields of the command line of `train.py`."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from jaxgan.config import Config
from jaxgan.processes import Processes


@dataclass(frozen=True)
class TrainArguments:
    """Trains an experiment, or continues it if the folder of the run already holds one."""

    config: Annotated[Config, tyro.conf.FlagConversionOff]
    workdir: Path | None = None
    """Folder of the run; by default the next free runs/NNNNN-NAME, with the name of the config."""
    dry_run: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """Print the config, the parameters of each network and the memory of a train step, then
    exit."""
    processes: Annotated[Processes, tyro.conf.FlagCreatePairsOff, tyro.conf.arg(name="")] = field(
        default_factory=Processes
    )
