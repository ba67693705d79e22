"""The page of a run, `index.html`: its state, commands, samples, metrics and config."""

import contextlib
import json
import shlex
import statistics
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any, Literal, NamedTuple

from jaxgan.config import Config
from jaxgan.files import write_text
from jaxgan.pages.template import as_json, as_text, fill
from jaxgan.settings.defaults import find_settings
from jaxgan.settings.stored import own_classes, to_json
from jaxgan.training.curves import make_curves
from jaxgan.training.progress import warnings_in
from jaxgan.training.samples import find_samples, read_layout
from jaxgan.types import GeneratesImages, TranslatesImages

NO_DEMO = '<p id="demo" hidden></p>'
RECENT = 10  # log entries; the speed is their median
STATES = {"running": "as of", "finished": "at", "stopped": "at", "failed": "at"}

Records = Sequence[dict[str, float]]


class Status(NamedTuple):
    """The state of a run.

    Attributes:
        step: Steps taken so far.
        state: Whether it runs, or how it ended.
        reason: Why it failed.
    """

    step: int
    state: Literal["running", "finished", "stopped", "failed"] = "running"
    reason: str = ""


def write_page(workdir: Path, config: Config, status: Status, records: Records) -> None:
    """Write the page of a run.

    Args:
        workdir: The run's folder.
        config: The experiment.
        status: Its state.
        records: The entries of `metrics.jsonl`.
    """
    run = _read_run(workdir)
    page = fill(
        "run",
        title=as_text(workdir.absolute().name),
        head="\n".join([*_state(config, status), *_warnings(records)]),
        facts="\n".join(
            f"<div><dt>{name}</dt><dd>{as_text(fact)}</dd></div>"
            for name, fact in _facts(workdir, config, status, records, run)
            if fact
        ),
        commands="\n".join(_commands(workdir, config, status, run)),
        settings="\n".join(_settings(config, run)),
        config=escape(json.dumps(to_json(config), indent=2)),
        data=as_json(_samples(workdir) | make_curves(records)),
    )
    write_text(workdir / "index.html", page)


def link_demo(workdir: Path) -> None:
    """Link the demo of a run on its page, without writing the rest of the page again."""
    file = workdir / "index.html"
    if file.is_file():
        text = file.read_text("utf-8")
        if NO_DEMO in text:
            write_text(file, text.replace(NO_DEMO, _demo_link(workdir), 1))


def _demo_link(workdir: Path) -> str:
    """Return a link to the demo of a run; an empty paragraph if there is none."""
    for page in ("demo.html", "index.html"):  # demo.html opens without a server
        if (workdir / "demo" / page).is_file():
            return f'<p id="demo"><a href="demo/{page}">Open the demo</a></p>'
    return NO_DEMO


def _read_run(workdir: Path) -> dict[str, Any]:
    """Return the content of `config.json`, or an empty dict if the file is damaged."""
    try:
        run = json.loads((workdir / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return run if isinstance(run, dict) else {}


def _state(config: Config, status: Status) -> Iterator[str]:
    """Yield the state of a run and when it was true, which a killed run cannot change."""
    now, total = datetime.now().astimezone(), config.train.steps
    time = f'<time id="written" datetime="{now.isoformat()}">{_minute(now)}</time>'
    reason = f": {as_text(status.reason)}" if status.reason else ""
    yield (
        f'<p class="state {status.state}"><strong>{status.state.capitalize()}</strong> '
        f"{STATES[status.state]} {time}, step {status.step} of {total}{reason}</p>"
    )
    yield f'<progress aria-label="Steps" max="{total}" value="{status.step}"></progress>'
    if status.state == "running":
        yield (
            '<p class="faint">This page is written again with every sample, evaluation and '
            "checkpoint: reload it. If the time above is long past, the run was interrupted.</p>"
        )


def _warnings(records: Records) -> Iterator[str]:
    """Yield the warnings of the last log entry that could have any."""
    watched = [record for record in records if any(name.startswith("warning/") for name in record)]
    if watched and (warnings := warnings_in(watched[-1])):
        step = watched[-1]["step"]
        lines = "".join(f"<p>{as_text(warning)}</p>" for warning in warnings)
        yield f'<div class="warnings"><strong>Warnings at step {step}</strong>{lines}</div>'


def _facts(
    workdir: Path, config: Config, status: Status, records: Records, run: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    """Yield names of facts about a run, and the facts; unknown ones are empty."""
    left = config.train.steps - status.step
    measured = [record for record in records if record.get("steps_per_second", 0) > 0]
    steps = [0, *(record["step"] for record in measured)]
    if measured:
        taken = sum(
            (record["step"] - before) / record["steps_per_second"]
            for record, before in zip(measured, steps, strict=False)
        )
        speed = statistics.median(record["steps_per_second"] for record in measured[-RECENT:])
        remaining = f", about {_duration(left / speed)} left" if left > 0 else ""
        yield "Time", f"{_duration(taken)} of training{remaining}"
        yield "Speed", f"{speed * config.train.batch_size:.3g} images per second"
    evaluations = {
        record["step"]: values
        for record in records
        if (values := {name: record[name] for name in record if name.startswith("eval/")})
    }
    best = {int(path.name) for path in (workdir / "best").glob("*") if path.name.isdecimal()}
    for name, candidates in (("Last", evaluations), ("Best", best & evaluations.keys())):
        for step in sorted(candidates)[-1:]:
            numbers = (
                f"{metric.removeprefix('eval/')} {value:.4g}"
                for metric, value in evaluations[step].items()
            )
            yield f"{name} evaluation", f"{', '.join(numbers)} at step {step}"
    counts = ", ".join(f"{count} {split}" for split, count in run.get("data", {}).items())
    yield "Method", type(config.method).__name__
    yield "Data", f"{type(config.data).__name__}: {counts}" if counts else ""
    devices = run.get("devices", [])
    yield "Devices", ", ".join(f"{devices.count(kind)} x {kind}" for kind in dict.fromkeys(devices))
    versions = run.get("versions", {})
    yield "Versions", ", ".join(f"{name} {versions[name]}" for name in versions)
    with contextlib.suppress(ValueError):  # older runs do not say when
        yield "Started", _minute(datetime.fromisoformat(str(run.get("started"))))


def _commands(
    workdir: Path, config: Config, status: Status, run: Mapping[str, Any]
) -> Iterator[str]:
    """Yield the commands that continue a run and use its model."""
    method, folder = config.method, str(workdir)
    purpose, longer = "Continue this run where it stopped", []
    if status.state == "finished":
        length = "epochs" if config.train.epochs else "steps"
        longer = [f"--config.train.{length}={2 * getattr(config.train, length)}"]
        purpose = f"Train for longer, with more {length}"
    if command := run.get("command"):
        names = [argument.split("=")[0] for argument in command]
        place = [] if "--workdir" in names else ["--workdir", folder]
        # If an option stands twice, the last one counts.
        yield _command(f"{purpose}:", shlex.join([*command, *place, *longer]))
    else:
        yield _command(f"{purpose}, in Python:", f"jaxgan.train(config, {folder!r})")
    custom = ["--config", "CONFIG.py"] if own_classes(config) else []
    if isinstance(method, TranslatesImages):
        chosen = ["--direction", method.directions[0]] if len(method.directions) > 1 else []
        files = ["--input", "IMAGES", "--output", "TRANSLATED"]
        line = ["jaxgan", "translate", "--run", folder, *files, *chosen, *custom]
        yield _command("Translate a folder of images:", shlex.join(line))
    if isinstance(method, GeneratesImages):
        line = ["jaxgan", "generate", "--run", folder, "--output", "GENERATED", *custom]
        yield _command("Generate images:", shlex.join(line))
    if isinstance(method, TranslatesImages | GeneratesImages):
        line = ["jaxgan", "demo", "--run", folder, *custom]
        yield _command("Write a web page that runs the model:", shlex.join(line))
        yield _demo_link(workdir)
    line = ["tensorboard", "--logdir", str(workdir.parent)]
    installed = "Compare runs in TensorBoard, which has to be installed (pip install tensorboard):"
    yield _command(installed, shlex.join(line))


def _command(purpose: str, line: str) -> str:
    code = f'<code>{as_text(line)}</code><button type="button">Copy</button>'
    return f'<p>{purpose}</p>\n<div class="command">{code}</div>'


def _settings(config: Config, run: Mapping[str, Any]) -> Iterator[str]:
    """Yield a table of the settings that are not the defaults, and what changed during the run."""
    yield '<div class="scroll"><table class="settings">'
    yield "<caption>Settings that differ from their default, or have none</caption>"
    yield '<thead><tr><th scope="col">Setting</th><th scope="col">Value</th>'
    yield '<th scope="col">Default</th></tr></thead><tbody>'
    for name, value, default in find_settings(config):
        wrapped = as_text(name).replace(".", ".<wbr>").replace("_", "_<wbr>")
        yield f'<tr><th scope="row"><code>{wrapped}</code></th><td>{as_text(value)}</td>'
        yield f"<td>{'' if default is None else as_text(default)}</td></tr>"
    yield "</tbody></table></div>"
    for change in run.get("changes", []):
        lines = "; ".join(change["changes"])
        yield f"<p>Changed at step {change['step']}: {as_text(lines)}</p>"


def _samples(workdir: Path) -> dict[str, Any]:
    """Return the sample grids as JSON values: `samples`, and the `layouts` that they share."""
    layouts, samples = [], []
    for step, file in find_samples(workdir):
        layout = read_layout(file)
        if layout is not None and layout not in layouts:
            layouts.append(layout)
        index = None if layout is None else layouts.index(layout)
        samples.append({"step": step, "file": f"samples/{file.name}", "layout": index})
    return {"samples": samples, "layouts": layouts}


def _minute(time: datetime) -> str:
    return time.strftime("%Y-%m-%d %H:%M %Z")


def _duration(seconds: float) -> str:
    """Return a duration as text, to two digits or so."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
