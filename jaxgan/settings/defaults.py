"""The settings of a config that differ from the defaults."""

import dataclasses
from collections.abc import Iterator
from typing import Any, NamedTuple

from jaxgan.settings.resume import UNNAMED


class Setting(NamedTuple):
    """A field whose value is not its default.

    Attributes:
        name: Its name on the command line; for an object, the path of fields that leads to it.
        value: Its value; for an object, the name of its class.
        default: The same of its default; None if it has none.
    """

    name: str
    value: str
    default: str | None


def find_settings(value: Any, default: Any = None, path: str = "config") -> Iterator[Setting]:
    """Yield all fields of a config, or of a part of it, that differ from their defaults.

    Args:
        value: A dataclass.
        default: Its default, if it is of the same class.
        path: Dotted path of field names to it.
    """
    has_default = type(default) is type(value)
    for field in dataclasses.fields(value):
        part, inner = getattr(value, field.name), f"{path}.{field.name}"
        usual = getattr(default, field.name) if has_default else _default(field)
        if part == usual:
            continue
        if not dataclasses.is_dataclass(part):
            names = ".".join(name for name in inner.split(".") if name not in UNNAMED)
            yield Setting(names, str(part), _shown(usual))
            continue
        if type(part) not in (type(usual), field.type):  # there is a choice of classes
            yield Setting(inner, type(part).__name__, _shown(usual))
        yield from find_settings(part, usual, inner)


def _default(field: dataclasses.Field) -> Any:
    """Return the default of a field, or `MISSING`."""
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def _shown(value: Any) -> str | None:
    if value is dataclasses.MISSING:
        return None
    return type(value).__name__ if dataclasses.is_dataclass(value) else str(value)
