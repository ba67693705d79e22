"""The report of a run: metrics, sample grids, and a page that shows them."""

import importlib.resources
import json
import re
import string
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects
import plotly.offline
import plotly.subplots

from jaxgan.files import printable, replacing, write_text
from jaxgan.images.pictures import grid
from jaxgan.training.events import Events
from jaxgan.training.progress import warnings_in
from jaxgan.types import ImageArray

BARE = {"displayModeBar": False}  # its buttons cover the titles
LARGEST_METRIC = 1e300  # sums of larger ones overflow
MAX_POINTS = 2000  # per curve, to keep the page small


class Report:
    """Writes `metrics.jsonl`, TensorBoard events, sample grids and `index.html` of a run."""

    def __init__(self, workdir: Path, config: Any, step: int):
        """Open the report of a run at the step from which it continues.

        Args:
            workdir: The run's folder.
            config: The run's config as plain values, shown on the page.
            step: Steps taken so far. Later entries, which a crashed run leaves, are removed.
        """
        self._workdir = workdir
        self._config = config
        (workdir / "samples").mkdir(exist_ok=True)
        _forget_after(workdir, step)
        self._metrics = (workdir / "metrics.jsonl").open("a", encoding="utf-8")
        self._events = Events(workdir / "tensorboard", step + 1)

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Write the values of one step."""
        self._metrics.write(json.dumps({"step": step} | dict(values)) + "\n")
        self._metrics.flush()
        for name, value in values.items():
            self._events.add_scalar(name, value, step)

    def sample(self, step: int, columns: Mapping[str, Sequence[ImageArray]]) -> None:
        """Write a grid of images, one column per name, and update the page."""
        picture = grid(columns)
        with replacing(self._workdir / "samples" / f"step_{step:08}.png") as opened:
            picture.save(opened, "png")
        self._events.add_image("samples", np.asarray(picture), step)
        self.write_page()

    def write_page(self) -> None:
        """Write `index.html`, which needs no server."""
        write_page(self._workdir, self._config)

    def close(self) -> None:
        """Close all files."""
        self._metrics.close()
        self._events.close()


def write_page(workdir: Path, config: Any) -> None:
    """Write `index.html` from the files in a run's folder.

    Args:
        workdir: The run's folder.
        config: The run's config as plain values.
    """
    script, content = workdir / "plotly.min.js", plotly.offline.get_plotlyjs()
    if not script.exists() or script.stat().st_size != len(content.encode()):
        write_text(script, content)
    records, _ = _read_metrics(workdir)
    watched = [record for record in records if any(name.startswith("warning/") for name in record)]
    links = [f"samples/{file.name}" for file in _samples(workdir)]
    template = (
        importlib.resources.files("jaxgan.training").joinpath("report.html").read_text("utf-8")
    )
    page = string.Template(template).substitute(
        title=escape(printable(workdir.absolute().name)),
        step=records[-1]["step"] if records else 0,
        warnings=escape(warnings_in(watched[-1])) if watched else "",
        curves=_curves(records),
        samples=json.dumps(links),
        config=escape(json.dumps(config, indent=2)),
    )
    write_text(workdir / "index.html", page)


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


def _samples(workdir: Path) -> dict[Path, int]:
    """Return the sample grids and their steps, without files that have other names."""
    found = {
        file: re.fullmatch(r"step_(\d{8,19})\.png", file.name, re.ASCII)
        for file in sorted((workdir / "samples").iterdir())
    }
    return {file: int(match[1]) for file, match in found.items() if match}


def _forget_after(workdir: Path, step: int) -> None:
    """Remove metrics and samples of steps that will be repeated, and damaged metrics."""
    file = workdir / "metrics.jsonl"
    records, damaged = _read_metrics(workdir)
    if damaged:
        print(f"{file}: {damaged} damaged lines were removed")
    kept = [record for record in records if record["step"] <= step]
    write_text(file, "".join(json.dumps(record) + "\n" for record in kept))
    for sample, of_step in _samples(workdir).items():
        if of_step > step:
            sample.unlink()


def _curves(records: list[dict[str, float]]) -> str:
    """Return one chart per metric, as HTML: a thin curve as measured, a thick one smoothed."""
    if not records:
        return "<p>Nothing was logged yet.</p>"
    names = list(dict.fromkeys(name for record in records for name in record if name != "step"))
    columns = 3
    rows = -(-len(names) // columns)
    figure = plotly.subplots.make_subplots(rows, columns, subplot_titles=names)
    for index, name in enumerate(names):
        having = [record for record in records if name in record]
        having = having[:: -(-len(having) // MAX_POINTS)]
        steps, values = ([record[key] for record in having] for key in ("step", name))
        window = min(len(values), 1 + len(values) // 20)
        weights = np.convolve(np.ones(len(values)), np.ones(window), "same")
        smooth = np.convolve(values, np.ones(window), "same") / weights
        for ys, line in (
            (np.array(values), {"color": "#b8c4d6", "width": 1}),
            (smooth, {"color": "#1f4e8c"}),
        ):
            figure.add_trace(
                plotly.graph_objects.Scatter(x=steps, y=ys.tolist(), line=line, name=name),
                row=index // columns + 1,
                col=index % columns + 1,
            )
    figure.update_layout(
        showlegend=False,
        height=280 * rows,
        margin={"l": 50, "r": 20, "t": 40, "b": 30},
        template="plotly_white",
    )
    return figure.to_html(
        full_html=False, include_plotlyjs="plotly.min.js", default_width="100%", config=BARE
    )
