"""Checks of hyperparameters."""

import dataclasses
import math
import reprlib
import typing
from collections.abc import Mapping
from typing import Any

import typeguard

MOST = 2**31 - 1  # steps are counted in int32
# The largest reasonable integers. Larger sizes overflow products that XLA computes.
LIMITS = {
    "seed": 2**32 - 1,
    "depth": 16,
    "discriminator_layers": 16,
    "blocks": 256,
    "workers": 1024,
}
LIMITS |= dict.fromkeys(
    (
        *("features", "discriminator_features", "latent_dim", "channels", "pool_size"),
        *("size", "image_size", "load_size", "crop_size"),
        *("batch_size", "accumulate", "steps_per_dispatch", "sample_count"),
    ),
    2**16,
)


def require(holds: bool, message: str) -> None:
    """Raise ValueError with `message` unless the condition holds."""
    if not holds:
        raise ValueError(message)


def check_fields(kind: type, values: Mapping[str, Any]) -> None:
    """Check the types and ranges of values of a dataclass's fields.

    Empty text is an error, because an empty path would mean the current folder.

    Raises:
        ValueError: If a value is invalid; the message names the field.
    """
    hints = typing.get_type_hints(kind)
    for name, value in values.items():
        hint = hints.get(name, Any)  # the constructor reports unknown names
        require(_fits(value, hint), f"{name} must be {_name(hint)}, not {reprlib.repr(value)}")
        require(value != "", f"{name} is empty: set it, or leave it out")
        for number in value if isinstance(value, tuple) else (value,):
            if isinstance(number, int):
                limit = LIMITS.get(name, MOST)
                require(number <= limit, f"{name} must be at most {limit}")
            if isinstance(number, float):
                require(math.isfinite(number), f"{name} must be finite, not {number}")


def check_tree(value: Any) -> None:
    """Apply `check_fields` to a dataclass and to all dataclasses in it."""
    fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    check_fields(type(value), fields)
    for part in fields.values():
        if dataclasses.is_dataclass(part):
            check_tree(part)


def _fits(value: Any, hint: Any) -> bool:
    try:
        typeguard.check_type(value, hint)
    except typeguard.TypeCheckError:
        return False
    return True


def _name(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) else str(hint).replace("typing.", "")
