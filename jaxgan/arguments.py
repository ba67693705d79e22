"""The fields of the command line of `train.py`."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from jaxgan.config import Config
from jaxgan.processes import Processes


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
