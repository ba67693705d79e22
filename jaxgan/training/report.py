"""The report of a run: metrics, sample grids, and a page that shows them."""

import contextlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxgan.config import Config
from jaxgan.errors import UserError
from jaxgan.files import write_text
from jaxgan.training.events import Events
from jaxgan.training.run_page import Status, write_page
from jaxgan.training.samples import find_samples, write_sample
from jaxgan.types import ImageArray

LARGEST_METRIC = 1e300  # sums of larger ones overflow


class Report:
    """Writes `metrics.jsonl`, TensorBoard events, sample grids and `index.html` of a run.

    As a context manager, it closes all files on exit. If an error ended the run, the page says so.
    """

    def __init__(self, workdir: Path, config: Config, step: int):
        """Open the report of a run at the step from which it continues.

        Args:
            workdir: The run's folder.
            config: The experiment.
            step: Steps taken so far. Later entries, which a crashed run leaves, are removed.
        """
        self._workdir = workdir
        self._config = config
        self._step = step
        (workdir / "samples").mkdir(exist_ok=True)
        _forget_after(workdir, step)
        self._events = Events(workdir / "tensorboard", step + 1)
        self._metrics = (workdir / "metrics.jsonl").open("a", encoding="utf-8")

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Write the values of one step."""
        self._step = step
        self._metrics.write(json.dumps({"step": step} | dict(values)) + "\n")
        self._metrics.flush()
        for name, value in values.items():
            self._events.add_scalar(name, value, step)

    def sample(self, step: int, columns: Mapping[str, Sequence[ImageArray]]) -> None:
        """Write a grid of images, one column per name."""
        self._step = step
        picture = write_sample(self._workdir, step, columns)
        names = "-".join(re.sub(r"\W+", "_", name) for name in columns)
        self._events.add_image(f"samples/{names}", np.asarray(picture), step)

    def write_page(self, status: Status) -> None:
        """Write `index.html`, which needs no server."""
        self._step = status.step
        records, _ = _read_metrics(self._workdir)
        write_page(self._workdir, self._config, status, records)

    def __enter__(self) -> "Report":
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if error is not None:
            if isinstance(error, KeyboardInterrupt):  # a second Ctrl-C
                status = Status(self._step, "stopped")
            else:
                is_known = isinstance(error, UserError | OSError)
                reason = str(error) if is_known else type(error).__name__
                status = Status(self._step, "failed", reason)
            with contextlib.suppress(OSError):  # the disk may be full, or the folder removed
                self.write_page(status)
        self._metrics.close()
        self._events.close()


def _read_metrics(workdir: Path) -> tuple[list[dict[str, float]], int]:
    """Return the entries of `metrics.jsonl`, and the number of damaged lines."""
    file = workdir / "metrics.jsonl"
    if not file.exists():
        return [], 0
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    records = [record for line in lines if (record := _parse(line)) is not None]
    return records, len(lines) - len(records)


def _parse(line: str) -> dict[str, float] | None:
    """Return an entry of `metrics.jsonl`, or None for an invalid line; a crash can cut the last."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict) or type(record.get("step")) is not int:
        return None
    return record if all(_is_number(value) for value in record.values()) else None


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < LARGEST_METRIC


def _forget_after(workdir: Path, step: int) -> None:
    """Remove metrics and samples of steps that will be repeated, and damaged metrics."""
    file = workdir / "metrics.jsonl"
    records, damaged = _read_metrics(workdir)
    if damaged:
        print(f"{file}: {damaged} damaged lines were removed")
    kept = [record for record in records if record["step"] <= step]
    write_text(file, "".join(json.dumps(record) + "\n" for record in kept))
    for of_step, sample in list(find_samples(workdir)):
        if of_step > step:
            sample.unlink()
