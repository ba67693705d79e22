"""Options that are on, off, or not given."""

from typing import Literal


def on(switch: Literal["on", "off"] | None) -> bool | None:
    """Return what a switch says, None if it was not set."""
    return None if switch is None else switch == "on"
