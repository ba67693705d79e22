"""What may change in a config when its run is continued."""

import dataclasses
from dataclasses import dataclass
from typing import Any

# Metadata of fields. All other fields keep their value for the whole run.
FREE = {"on resume": "free"}  # may change, because it does not change the numbers
REPORTED = {"on resume": "reported"}  # may change the numbers, which is printed

UNNAMED = ("source", "facades", "crops", "compute")  # parts that the command line leaves out


@dataclass(frozen=True)
class Change:
    """A field with different values in two configs.

    Attributes:
        line: The field as the command line names it, and both values.
        is_free: Whether it may change when a run is continued.
        is_reported: Whether it may change and must be reported.
    """

    line: str
    is_free: bool = False
    is_reported: bool = False


def find_changes(old: Any, new: Any, path: str = "config", rule: str | None = None) -> list[Change]:
    """Return the fields in which two configs, or parts of them, differ.

    Args:
        old: A dataclass, or the value of a field.
        new: What to compare it with.
        path: Names of the fields that lead here.
        rule: Metadata of the innermost of these fields that has any.
    """
    if not (dataclasses.is_dataclass(new) and type(old) is type(new)):
        if old == new:
            return []
        names = ".".join(part for part in path.split(".") if part not in UNNAMED)
        line = f"{names} was {_short(old)}, is {_short(new)}"
        return [Change(line, rule == FREE["on resume"], rule == REPORTED["on resume"])]
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
