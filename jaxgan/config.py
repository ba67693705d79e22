"""An experiment as one frozen object, and the file it is written down in."""

import dataclasses
import json
import pkgutil
import runpy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jaxgan.errors import UserError
from jaxgan.types import Dataset, Method, Splits
from jaxgan.validation import MOST, check, check_fields, check_tree

UNNAMED = ("source", "facades", "crops", "compute")  # parts that the command line leaves out


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How long to train, and what to log, sample, evaluate and save."""

    steps: int
    """Total training steps. Each step updates every network once."""
    epochs: int = 0
    """Train for this many passes through the training images instead of `steps`; 0 uses `steps`.
    For CycleGAN, an epoch is one pass through the larger domain."""
    batch_size: int = 1
    """Images (or pairs) per step, summed over all devices."""
    seed: int = 0
    """Seed for initial weights, image order, augmentation and dropout."""
    log_every: int = 100
    """Steps between log entries (metrics.jsonl and the progress line); 0 disables logging."""
    sample_every: int = 1000
    """Steps between sample grids of held-out images; 0 disables samples."""
    sample_count: int = 8
    """Number of held-out images in a sample grid."""
    eval_every: int = 0
    """Steps between evaluations on held-out images; 0 disables them. The best model is saved in the
    folder `best`, the latest ones in `checkpoints`."""
    eval_metrics: str = "kid"
    """Metrics, separated by commas: fid, kid; for pairs also l1, psnr, ssim, lpips, fcn-score. The
    first one decides which model is the best."""
    eval_count: int = 256
    """Maximum number of images to measure on."""
    eval_features: str = "inception"
    """Feature extractor for fid and kid: inception, or run:DIR for the discriminator of that
    run."""
    checkpoint_every: int = 1000
    """Steps between checkpoints; 0 saves only one, at the end."""
    keep_last: int = 3
    """Number of latest checkpoints to keep."""
    keep_every: int = 0
    """Also keep every checkpoint whose step is a multiple of this number; 0 keeps no others."""
    allow_new_data: bool = False
    """Allow a run to continue on different images. Resuming is then no longer exact: the result
    differs from that of an uninterrupted run."""
    init_from: str | None = None
    """Fine-tuning: a run (or an import) whose weights to start from, with a new optimizer."""
    steps_per_dispatch: int = 1
    """Training steps per call to the device. Other step counts must be multiples of it. More than
    one helps GPUs and TPUs on which a step takes about as long as calling it, a millisecond. On a
    CPU the steps are unrolled, which takes longer to compile."""
    mesh: str = "auto"
    """Number of devices per axis, such as data:4,spatial:2. The axes are data, fsdp, spatial and,
    for CycleGAN, direction (docs/cloud.md). auto uses as many devices as divide the batch."""

    def __post_init__(self):
        sizes = ("batch_size", "sample_count", "eval_count", "keep_last", "steps_per_dispatch")
        for name in ("steps", *sizes):
            check(getattr(self, name) >= 1, f"{name} must be at least 1")
        counts = ("log_every", "sample_every", "eval_every", "checkpoint_every", "keep_every")
        for name in ("seed", "epochs", *counts):
            check(getattr(self, name) >= 0, f"{name} must not be negative")
        at_once = self.steps_per_dispatch
        for name in ("steps", *counts):
            count = getattr(self, name)
            message = f"{name}, {count}, must be a multiple of steps_per_dispatch, {at_once}"
            check(count % at_once == 0, message)


@dataclass(frozen=True, kw_only=True)
class Config:
    """An experiment: a method, its data, and a run."""

    method: Method
    data: Dataset
    train: TrainConfig

    def __post_init__(self):
        check_tree(self)


def count_steps(config: Config, splits: Splits) -> Config:
    """Return a config whose epochs, if it has any, have become steps of its data set."""
    train = config.train
    if not train.epochs:
        return config
    size, at_once = config.data.epoch_size(splits), train.steps_per_dispatch
    steps = -(-train.epochs * size // (train.batch_size * at_once)) * at_once
    if steps > MOST:
        raise UserError(f"config.train.epochs={train.epochs} are {steps} steps; at most {MOST} fit")
    print(f"{train.epochs} epochs of {size} examples are {steps} steps")
    return dataclasses.replace(config, train=dataclasses.replace(train, steps=steps))


def load(path: Path) -> Config:
    """Run a config file and return what its `get_config()` returns.

    Raises:
        UserError: If there is no such file, or it does not define an experiment.
    """
    if not path.is_file():
        raise UserError(f"there is no config file {path}")
    try:
        names = runpy.run_path(str(path))
        if "get_config" not in names:
            raise UserError(f"{path} defines no get_config()")
        config = names["get_config"]()
    except UserError:
        raise
    except Exception as error:  # a config file is a program: anything can go wrong in it
        reason = " ".join(str(error).split())
        raise UserError(f"{path} fails: {type(error).__name__}: {reason}") from error
    if not isinstance(config, Config):
        raise UserError(f"{path}: get_config() must return a Config, not {type(config).__name__}")
    return config


def to_json(value: Any) -> Any:
    """Turn a config into plain values; every dataclass notes its type."""
    if isinstance(value, tuple):
        return [to_json(part) for part in value]
    if not dataclasses.is_dataclass(value):
        return value
    fields = {
        field.name: to_json(getattr(value, field.name)) for field in dataclasses.fields(value)
    }
    return {"type": f"{type(value).__module__}.{type(value).__qualname__}"} | fields


def from_json(value: Any) -> Any:
    """Undo `to_json`.

    Raises:
        UserError: If a type is not one of jaxgan's, or does not have these fields.
    """
    if isinstance(value, list):
        return tuple(from_json(part) for part in value)
    if not isinstance(value, dict):
        return value
    name = value.get("type", "")
    try:
        fields = {name: from_json(field) for name, field in value.items() if name != "type"}
        if not name.startswith("jaxgan."):
            raise ValueError("not a part of jaxgan")
        kind = pkgutil.resolve_name(name)  # which finds what a module imports, too
        is_setting = isinstance(kind, type) and dataclasses.is_dataclass(kind)
        if not (is_setting and kind.__module__.startswith("jaxgan.")):
            raise ValueError("not a setting of jaxgan")
        check_fields(kind, fields)
        return kind(**fields)
    except (ImportError, AttributeError, TypeError, ValueError, RecursionError) as error:
        raise UserError(
            f"the config does not fit this version of jaxgan: {name!r:.99}: {error}"
        ) from error


def with_defaults(value: Any) -> Any:
    """Return a config, as of `to_json`, with defaults for fields that its version did not have.

    A config that does not fit this version is returned as it is.
    """
    try:
        return json.loads(json.dumps(to_json(from_json(value))))
    except UserError:
        return value


def differences(old: Any, new: Any, path: str = "config") -> list[str]:
    """Return a line for each field in which two configs, as of `to_json`, differ.

    Fields are named as on the command line, where the parts of a data set have no names.
    """
    if isinstance(old, dict) and isinstance(new, dict):
        names = [*old, *(name for name in new if name not in old)]
        return [
            line
            for name in names
            for line in differences(old.get(name), new.get(name), f"{path}.{name}")
        ]
    if old == new:
        return []
    typed = (part for part in path.split(".") if part not in UNNAMED)
    return [f"{'.'.join(typed)} was {old}, is {new}"]
