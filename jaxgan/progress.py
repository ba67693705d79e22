"""Progress on standard error: bars in a terminal, lines of text elsewhere."""

import sys
from collections.abc import Iterable
from typing import Any

from tqdm import tqdm

INTERVAL = 5.0  # seconds between two lines
LINE = "{desc}: {n_fmt} of {total_fmt}{unit}, {rate_noinv_fmt}, {remaining} left"
LINE_WITHOUT_TOTAL = "{desc}: {n_fmt}{unit}, {rate_noinv_fmt}"


class _Lines(tqdm):
    """Prints a line every few seconds. A file or notebook would keep every state of a bar."""

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        """Print a line, or nothing if the message is empty, which clears a bar."""
        if msg is None:
            line = LINE if self.total else LINE_WITHOUT_TOTAL
            text = self.format_meter(**{**self.format_dict, "bar_format": line})
            print(text, file=sys.stderr, flush=True)


def show_progress(
    items: Iterable[Any] | None = None, what: str = "", total: int | None = None, **options: Any
) -> tqdm:
    """Return a progress bar of tqdm, which prints lines if standard error is not a terminal.

    Args:
        items: Items to iterate over; None to call `update` instead.
        what: Text before the numbers.
        total: Number of items, if `items` does not have a length.
        options: Options of tqdm, such as `unit`.
    """
    if sys.stderr.isatty():
        return tqdm(items, what, total, **options)
    options |= {"mininterval": INTERVAL, "delay": INTERVAL, "miniters": 1, "leave": False}
    return _Lines(items, what, total, **options)
