"""TensorBoard events of a run."""

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

FLUSH = 10  # seconds between flushes


class Events:
    """Writes events synchronously, so that a full disk raises an error in the caller.

    The SummaryWriter of tensorboardX writes from a thread. On a full disk that thread ends, and
    training would wait for its queue forever.
    """

    def __init__(self, folder: Path, step: int):
        """Start a file in a folder, created if missing. Earlier events from `step` on are void."""
        folder.mkdir(exist_ok=True)
        self._writer = EventsWriter(str(folder / "events"))
        self._flushed = time.monotonic()
        self._write(step, session_log=SessionLog(status=SessionLog.START))

    def add_scalar(self, name: str, value: float, step: int) -> None:
        """Write a scalar."""
        self._write(step, summary=summary.scalar(name, value))

    def add_image(self, name: str, image: UInt8[np.ndarray, "height width 3"], step: int) -> None:
        """Write an image."""
        self._write(step, summary=summary.image(name, image, dataformats="HWC"))

    def close(self) -> None:
        """Close the file."""
        self._writer.close()

    def _write(self, step: int, **content: Any) -> None:
        self._writer.write_event(Event(wall_time=time.time(), step=step, **content))
        if time.monotonic() - self._flushed > FLUSH:
            self._writer.flush()
            self._flushed = time.monotonic()
