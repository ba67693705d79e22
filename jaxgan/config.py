"""An experiment as one frozen object, and the config file that defines it."""

import dataclasses
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from jaxgan.errors import UserError
from jaxgan.packaged import find_config
from jaxgan.settings.resume import FREE, REPORTED
from jaxgan.settings.stored import from_json, own_classes
from jaxgan.settings.validation import MOST, check_tree, require
from jaxgan.types import Dataset, Method, Splits


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How long to train, and what to log, sample, evaluate and save."""

    steps: int = field(metadata=FREE)
    """Total training steps. Each step updates every network once."""
    epochs: int = field(default=0, metadata=FREE)
    """Train for this many passes through the training images instead of `steps`; 0 uses `steps`.
    For CycleGAN, an epoch is one pass through the larger domain. The current batch_size counts for
    all steps, also for those that a run took with another one."""
    batch_size: int = field(default=1, metadata=REPORTED)
    """Images (or pairs) per step, summed over all devices."""
    seed: int = 0
    """Seed for initial weights, image order, augmentation and dropout."""
    log_every: int = field(default=100, metadata=FREE)
    """Steps between log entries (metrics.jsonl and the progress line); 0 disables logging."""
    sample_every: int = field(default=1000, metadata=FREE)
    """Steps between sample grids of held-out images; 0 disables samples."""
    sample_count: int = field(default=8, metadata=FREE)
    """Number of held-out images in a sample grid."""
    eval_every: int = field(default=0, metadata=FREE)
    """Steps between evaluations on held-out images; 0 disables them. The best model is saved in the
    folder `best`, the latest ones in `checkpoints`."""
    eval_metrics: str = field(default="kid", metadata=FREE)
    """Metrics, separated by commas: fid, kid; for pairs also l1, psnr, ssim, lpips, fcn-score. The
    first one decides which model is the best."""
    eval_count: int = field(default=256, metadata=FREE)
    """Maximum number of images to measure on."""
    eval_features: str = field(default="inception", metadata=FREE)
    """Feature extractor for fid and kid: inception, or run:DIR for the discriminator of that
    run."""
    checkpoint_every: int = field(default=1000, metadata=FREE)
    """Steps between checkpoints; 0 saves only one, at the end."""
    keep_last: int = field(default=3, metadata=FREE)
    """Number of latest checkpoints to keep."""
    keep_every: int = field(default=0, metadata=FREE)
    """Also keep every checkpoint whose step is a multiple of this number; 0 keeps no others."""
    allow_new_data: bool = field(default=False, metadata=FREE)
    """Allow a run to continue on different images. Resuming is then no longer exact: the result
    differs from that of an uninterrupted run."""
    init_from: str | None = field(default=None, metadata=FREE)
    """Fine-tuning: start from the weights of this run (or import), with a new optimizer; latest for
    the newest run in ./runs."""
    steps_per_dispatch: int = field(default=1, metadata=FREE)
    """Training steps per call to the device. Other step counts must be multiples of it. More than
    one helps if a step takes about as long as a call, a millisecond."""
    mesh: str = field(default="auto", metadata=FREE)
    """Number of devices per axis, such as data:4,spatial:2. The axes are data, fsdp, spatial and,
    for CycleGAN, direction (docs/devices.md). auto uses as many devices as divide the batch."""

    def __post_init__(self):
        sizes = ("batch_size", "sample_count", "eval_count", "keep_last", "steps_per_dispatch")
        for name in ("steps", *sizes):
            require(getattr(self, name) >= 1, f"{name} must be at least 1")
        counts = ("log_every", "sample_every", "eval_every", "checkpoint_every", "keep_every")
        for name in ("seed", "epochs", *counts):
            require(getattr(self, name) >= 0, f"{name} must not be negative")
        at_once = self.steps_per_dispatch
        for name in ("steps", *counts):
            count = getattr(self, name)
            message = f"{name}, {count}, must be a multiple of steps_per_dispatch, {at_once}"
            require(count % at_once == 0, message)


@dataclass(frozen=True, kw_only=True)
class Config:
    """An experiment: a method, its data, and how to train."""

    method: Method
    data: Dataset
    train: TrainConfig

    def __post_init__(self):
        check_tree(self)


def count_steps(config: Config, splits: Splits) -> Config:
    """Return the config with `steps` computed from `epochs`, if it has any."""
    train = config.train
    if not train.epochs:
        return config
    size, at_once = config.data.epoch_size(splits), train.steps_per_dispatch
    steps = -(-train.epochs * size // (train.batch_size * at_once)) * at_once
    if steps > MOST:
        raise UserError(f"config.train.epochs={train.epochs} are {steps} steps; at most {MOST} fit")
    print(f"{train.epochs} epochs of {size} examples are {steps} steps")
    return dataclasses.replace(config, train=dataclasses.replace(train, steps=steps))


def load(config: str | Path) -> Config:
    """Run a config file and return what its `get_config()` returns.

    Args:
        config: The file, or the name of a packaged config.

    Raises:
        UserError: If the file does not exist or does not define an experiment.
    """
    path = find_config(config)
    try:
        module = _import(path)
        if not hasattr(module, "get_config"):
            raise UserError(f"{path} defines no get_config()")
        loaded = module.get_config()
    except UserError:
        raise
    except Exception as error:  # a config file is a program and can raise anything
        reason = " ".join(str(error).split())
        raise UserError(f"{path} fails: {type(error).__name__}: {reason}") from error
    if not isinstance(loaded, Config):
        raise UserError(f"{path}: get_config() must return a Config, not {type(loaded).__name__}")
    return loaded


def from_plain(plain: Any, given: Config | None = None) -> Config:
    """Return a stored config.

    Args:
        plain: What `to_json` returned for it.
        given: A config with the classes that are not jaxgan's and may be used.

    Raises:
        UserError: If it is not a config of this version, or uses other classes.
    """
    config = from_json(plain, own_classes(given))
    if not isinstance(config, Config):
        raise UserError("this is not a config of jaxgan")
    return config


def _import(path: Path) -> ModuleType:
    """Import a config file, which may import modules of its folder and define classes."""
    module = ModuleType(f"config_{path.stem}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # dataclasses look up field types here
    folder = str(path.parent.absolute())
    if folder not in sys.path:
        sys.path.append(folder)
    exec(compile(path.read_bytes(), path, "exec"), module.__dict__)
    return module
