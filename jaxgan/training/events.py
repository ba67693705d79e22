"""The file of a run for TensorBoard."""

import time
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from tensorboardX import summary
from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import (
    Event,  # pyright: ignore[reportAttributeAccessIssue]
    SessionLog,  # pyright: ignore[reportAttributeAccessIssue]
)

FLUSH = 10  # seconds after which what was written can be seen


class Events:
    """Writes events where it is called, so that a full disk is an error there.

    The SummaryWriter of tensorboardX has a thread that ends then, and a queue for which training
    would wait for ever.
    """

    def __init__(self, folder: Path, step: int):
        """Begin a file in a folder, made if missing; earlier events from `step` on are void."""
        folder.mkdir(exist_ok=True)
        self._writer = EventsWriter(str(folder / "events"))
        self._flushed = time.monotonic()
        self._write(step, session_log=SessionLog(status=SessionLog.START))

    def add_scalar(self, name: str, value: float, step: int) -> None:
        """Write a number."""
        self._write(step, summary=summary.scalar(name, value))

    def add_image(self, name: str, image: UInt8[np.ndarray, "height width 3"], step: int) -> None:
        """Write a picture."""
        self._write(step, summary=summary.image(name, image, dataformats="HWC"))

    def close(self) -> None:
        """Finish the file."""
        self._writer.close()

    def _write(self, step: int, **content: Any) -> None:
        self._writer.write_event(Event(wall_time=time.time(), step=step, **content))
        if time.monotonic() - self._flushed > FLUSH:
            self._writer.flush()
            self._flushed = time.monotonic()
