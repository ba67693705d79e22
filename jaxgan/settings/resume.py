"""Rules for changes of a config when its run is resumed."""

import dataclasses
from dataclasses import dataclass
from typing import Any

# Field metadata. All other fields must keep their value for the whole run.
FREE = {"on resume": "free"}  # may change; does not affect numerical results
REPORTED = {"on resume": "reported"}  # may change; affects numerical results, so it is recorded
# The same, but not from or to zero, which adds or removes a part of the state.
REPORTED_ABOVE_ZERO = {"on resume": "reported above zero"}

UNNAMED = ("source", "facades", "loading", "compute")  # parts of a path that the command line omits


@dataclass(frozen=True)
class Change:
    """A field with different values in two configs.

    Attributes:
        line: The field's name on the command line, and both values.
        is_free: Whether it may change on resume.
        is_reported: Whether it may change on resume and must be reported.
    """

    line: str
    is_free: bool = False
    is_reported: bool = False


def find_changes(old: Any, new: Any, path: str = "config", rule: str | None = None) -> list[Change]:
    """Return the fields in which two configs, or parts of them, differ.

    Args:
        old: A dataclass, or the value of a field.
        new: The value to compare it with.
        path: Dotted path of field names to these values.
        rule: The rule of the innermost field on the path that has one.
    """
    if not (dataclasses.is_dataclass(new) and type(old) is type(new)):
        if old == new:
            return []
        names = ".".join(part for part in path.split(".") if part not in UNNAMED)
        line = f"{names} was {_short(old)}, is {_short(new)}"
        above_zero = rule == REPORTED_ABOVE_ZERO["on resume"] and old and new
        is_reported = rule == REPORTED["on resume"] or bool(above_zero)
        return [Change(line, rule == FREE["on resume"], is_reported)]
    return [
        change
        for field in dataclasses.fields(new)
        for change in find_changes(
            getattr(old, field.name),
            getattr(new, field.name),
            f"{path}.{field.name}",
            field.metadata.get("on resume", rule),
        )
    ]


def _short(value: Any) -> str:
    return type(value).__name__ if dataclasses.is_dataclass(value) else str(value)
