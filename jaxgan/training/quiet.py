"""Keeps what Orbax writes to the terminal about a failed write to the one line of `checkpoint`.

Orbax raises the first error of a save. The others, a traceback for every array, come later and from
other threads: from loggers, and from TensorStore as exceptions that nobody can catch.
"""

import functools
import logging
import sys
from typing import Any


@functools.cache
def silence_failed_writes() -> None:
    """Leave out tracebacks of failed writes from now on."""
    for name in ("absl", "asyncio"):
        logging.getLogger(name).addFilter(_is_not_of_orbax)
    show = sys.unraisablehook

    def show_others(unraisable: Any) -> None:
        # A write ends after the event loop that waited for it, which the first error has ended.
        if unraisable.object or str(unraisable.exc_value) != "Event loop is closed":
            show(unraisable)

    sys.unraisablehook = show_others


def _is_not_of_orbax(record: logging.LogRecord) -> bool:
    """Return False for a traceback that Orbax logs, or asyncio of a write to its files."""
    return not record.exc_info or "orbax" not in record.pathname + record.getMessage()
