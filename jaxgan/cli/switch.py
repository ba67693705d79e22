"""Options that are on, off, or not given."""

from typing import Literal


def on(switch: Literal["on", "off"] | None) -> bool | None:
    """Return the value of a switch, or None if it is not set."""
    return None if switch is None else switch == "on"
