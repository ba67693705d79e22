"""The fields of the command line of `jaxgan train`."""

import dataclasses
from dataclasses import dataclass, field
from typing import Annotated

import tyro

from jaxgan.cli.train import RunOptions
from jaxgan.config import Config
from jaxgan.devices.processes import Processes
from jaxgan.types import Dataset, Published


@dataclass(frozen=True, kw_only=True)
class TrainArguments(RunOptions):
    """Trains an experiment, or continues it if the folder of the run already holds one."""

    config: Annotated[Config, tyro.conf.FlagConversionOff]
    processes: Annotated[Processes, tyro.conf.FlagCreatePairsOff, tyro.conf.arg(name="")] = field(
        default_factory=Processes
    )


@dataclass(frozen=True)
class _Data:
    data: Dataset


@dataclass(frozen=True)
class DataArguments:
    """Only the fields of the data."""

    config: Annotated[_Data, tyro.conf.FlagConversionOff]

    @classmethod
    def of(cls, config: Config) -> "DataArguments":
        """Return the data fields of a config."""
        return cls(config=_Data(data=config.data))


def published_epoch_size(data: Dataset) -> int | None:
    """Return the training examples per epoch, or None if that depends on the images found."""
    return data.published_epoch_size if isinstance(data, Published) else None


def keep_epochs(config: Config, data: Dataset) -> Config:
    """Return a config whose steps cover as many epochs of `data` as of its own data.

    Step counts that are not whole epochs do not change, nor does the data. The other counts are
    rounded up to multiples of `steps_per_dispatch`.
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
