"""Suppresses tracebacks of failed writes, which `checkpoint` reports in one line.

Orbax raises the first error of a save. A traceback for every other array follows from other
threads: from loggers, and from TensorStore as exceptions that cannot be caught.
"""

import functools
import logging
import sys
from typing import Any


@functools.cache
def silence_failed_writes() -> None:
    """Suppress tracebacks of failed writes from now on."""
    for name in ("absl", "asyncio"):
        logging.getLogger(name).addFilter(_is_not_of_orbax)
    show = sys.unraisablehook

    def show_others(unraisable: Any) -> None:
        # The first error closes the event loop before the other writes end.
        if unraisable.object or str(unraisable.exc_value) != "Event loop is closed":
            show(unraisable)

    sys.unraisablehook = show_others


def _is_not_of_orbax(record: logging.LogRecord) -> bool:
    """Return False for a traceback from Orbax, or from asyncio about a write to its files."""
    return not record.exc_info or "orbax" not in record.pathname + record.getMessage()
