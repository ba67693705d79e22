"""Suppresses what Orbax logs: `checkpoint` reports failed writes in one line.

Orbax raises the first error of a save. A traceback for every other array follows from other
threads: from loggers, and from TensorStore as exceptions that cannot be caught. Its warnings, such
as that a save takes more than a second, are advice to programs.
"""

import functools
import logging
import sys
from typing import Any


@functools.cache
def silence_orbax() -> None:
    """Suppress warnings of Orbax and tracebacks of failed writes from now on."""
    for name in ("absl", "asyncio"):
        logging.getLogger(name).addFilter(_is_not_of_orbax)
    show = sys.unraisablehook

    def show_others(unraisable: Any) -> None:
        # The first error closes the event loop before the other writes end.
        if unraisable.object or str(unraisable.exc_value) != "Event loop is closed":
            show(unraisable)

    sys.unraisablehook = show_others


def _is_not_of_orbax(record: logging.LogRecord) -> bool:
    """Return False for a message from Orbax, or a traceback of asyncio about a write to its files.

    Errors without a traceback are kept.
    """
    if record.exc_info:
        return "orbax" not in record.pathname + record.getMessage()
    return "orbax" not in record.pathname or record.levelno >= logging.ERROR
