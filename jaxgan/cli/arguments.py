"""The fields of the command line of `train.py`."""

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from jaxgan.config import Config
from jaxgan.devices.processes import Processes
from jaxgan.types import Dataset, Published


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


@dataclass(frozen=True)
class _Data:
    data: Dataset


@dataclass(frozen=True)
class DataArguments:
    """The fields of the data alone."""

    config: Annotated[_Data, tyro.conf.FlagConversionOff]

    @classmethod
    def of(cls, config: Config) -> "DataArguments":
        """Return those of a config."""
        return cls(config=_Data(data=config.data))


def published_epoch_size(data: Dataset) -> int | None:
    """Return the training examples of one epoch, None if that depends on the images found."""
    return data.published_epoch_size if isinstance(data, Published) else None


def keep_epochs(config: Config, data: Dataset) -> Config:
    """Return a config whose steps are as many epochs of `data` as they are of its own data.

    Counts of steps that are not whole epochs stay as they are, and so does the data. The others are
    rounded up to whole calls of `steps_per_dispatch`.
    """
    old, new = published_epoch_size(config.data), published_epoch_size(data)
    if not old or not new:
        return config
    at_once = config.train.steps_per_dispatch
    counts = {name: getattr(config.train, name) for name in ("steps", "checkpoint_every")}
    kept = {
        name: -(-count // old * new // at_once) * at_once
        for name, count in counts.items()
        if count % old == 0
    }
    return dataclasses.replace(config, train=dataclasses.replace(config.train, **kept))
