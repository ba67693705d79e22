"""The folder of a run: its name, its config, and a lock so that one process writes to it."""

import contextlib
import datetime
import json
import os
import platform
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Any

import jax

from jaxgan import __version__
from jaxgan.config import Config, from_plain
from jaxgan.errors import UserError
from jaxgan.files import lock, write_text
from jaxgan.settings.resume import find_changes
from jaxgan.settings.stored import to_json
from jaxgan.training.checkpoint import steps_in

# Contents of a run's folder besides its config and checkpoints.
REPORT = ("index.html", "metrics.jsonl", "samples", "tensorboard", "best")


@contextlib.contextmanager
def new_workdir(root: Path, name: str) -> Iterator[Path]:
    """Create `root/NNNNN-name` with the next free number, and remove it on exit if it is empty."""
    while True:
        numbers = [int(path.name[:5]) for path in root.glob("[0-9][0-9][0-9][0-9][0-9]-*")]
        workdir = root / f"{max(numbers, default=-1) + 1:05}-{name}"
        with contextlib.suppress(FileExistsError):  # another process was faster
            workdir.mkdir(parents=True)
            break
    try:
        yield workdir
    finally:
        with contextlib.suppress(OSError):
            workdir.rmdir()


@contextlib.contextmanager
def claim(
    workdir: Path,
    config: Config,
    data: Mapping[str, int],
    fingerprints: Mapping[str, str] = MappingProxyType({}),
    *,
    allow_new_data: bool = False,
) -> Iterator[None]:
    """Lock a run's folder, created if missing, for this process and write its `config.json`.

    The file also lists the changes that affect results, with the step from which they apply.

    Args:
        workdir: The run's folder.
        config: The experiment.
        data: Number of images by split, which must not change when a run is resumed.
        fingerprints: Fingerprint of the images by split, where known, which must not change either.
        allow_new_data: Whether the images may change.

    Raises:
        UserError: If another process trains in the folder, or it holds a run of another config or
            data, or files of the user that a run would replace. On exit, if the folder was moved or
            removed.
    """
    workdir.mkdir(parents=True, exist_ok=True)

    def refuse():
        raise UserError(
            f"another process is training in {workdir}: choose another --workdir, or "
            "train together with --distributed"
        )

    with lock(workdir / ".lock", refuse):
        file = workdir / "config.json"
        others = [workdir / name for name in REPORT if os.path.lexists(workdir / name)]
        if others and not file.exists() and not (workdir / "checkpoints").exists():
            raise UserError(
                f"{others[0]} exists, but does not belong to a run: choose another --workdir"
            )
        record = {
            "config": to_json(config),
            "data": dict(data),
            "fingerprints": dict(fingerprints),
            "versions": {
                "jaxgan": __version__,  # the metadata of a clone is as old as its installation
                **{name: version(name) for name in ("jax", "flax", "optax")},
                "python": platform.python_version(),
            },
            "devices": [device.device_kind for device in jax.devices()],
            "changes": [],
            "started": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
            "command": _command_line(),
        }
        if file.exists():
            record |= _continue(workdir, config, data, fingerprints, allow_new_data)
        write_text(file, json.dumps(record, indent=2) + "\n")
        try:
            yield
        except (OSError, UserError):
            check_present(workdir)  # a missing folder is the likely reason
            raise


def check_present(workdir: Path) -> None:
    """Check that the folder of a running experiment still exists.

    Raises:
        UserError: If it was moved or removed. The folder is not recreated.
    """
    if not (workdir / "config.json").exists():
        raise UserError(
            f"{workdir} was moved or removed during training: to continue from its last "
            "checkpoint, give its new place as --workdir"
        )


def _continue(
    workdir: Path,
    config: Config,
    data: Mapping[str, int],
    fingerprints: Mapping[str, str],
    allow_new_data: bool,
) -> dict[str, Any]:
    """Check that a run may continue as in `claim`, and print what has changed.

    Returns:
        What its record keeps: fingerprints, changes so far, and when it was started.
    """
    file = workdir / "config.json"
    try:
        old = json.loads(file.read_text(encoding="utf-8"))
        stored, started = old["config"], old.get("started")
        changes = [
            {"step": int(part["step"]), "changes": [str(line) for line in part["changes"]]}
            for part in old.get("changes", ())
        ]
        known = {**(old.get("fingerprints") or {})}
        data_changed = _data_changes(old, data, fingerprints)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(f"{file} is damaged: restore it or choose another --workdir") from error
    try:
        before = from_plain(stored, config)
    except UserError as error:
        raise UserError(f"{file}: {error}") from error
    found = find_changes(before, config)
    reported = [change.line for change in found if change.is_reported]
    fixed = [change.line for change in found if not (change.is_free or change.is_reported)]
    if fixed:
        raise UserError(
            f"{workdir} holds a run of another config: {'; '.join(fixed)}. Keep the values, or "
            "start another --workdir, from the weights of this run with "
            f"--config.train.init_from={workdir}"
        )
    if data_changed and not allow_new_data:
        raise UserError(
            f"{workdir} holds a run on other images: {'; '.join(data_changed)}. Restore them, "
            "choose another --workdir, or continue with the new ones: "
            "--config.train.allow_new_data=True"
        )
    step = max(steps_in(workdir / "checkpoints"), default=0)
    if reported:
        print(f"changed since the run's last part: {'; '.join(reported)}")
    if step and before.train.batch_size != config.train.batch_size:
        examples = step * config.train.batch_size
        print(
            f"data: continues at example {examples} of the shuffled sequence, as if all {step} "
            "steps had used this batch size"
        )
    if data_changed:
        print(f"data: training continues with different images: {'; '.join(data_changed)}")
        known = {}
    if reported or data_changed:
        changes.append({"step": step, "changes": [*reported, *data_changed]})
    return {"fingerprints": {**known, **fingerprints}, "changes": changes, "started": started}


def _command_line() -> list[str] | None:
    """Return the command that runs this program, or None if it is not one of jaxgan's."""
    program, *arguments = sys.argv
    path = Path(program)
    if path.resolve() == Path(__file__).resolve().parents[2] / "train.py":
        return ["python", program, *arguments]
    is_jaxgan = path.stem == "jaxgan" or path.parts[-2:] == ("jaxgan", "__main__.py")
    return ["jaxgan", *arguments] if is_jaxgan else None


def _data_changes(
    old: Mapping[str, Any], data: Mapping[str, int], fingerprints: Mapping[str, str]
) -> list[str]:
    """Return a line for each split whose images differ from those in a run's record."""
    counts, known = old["data"], old.get("fingerprints")
    if known is None:  # version 0.1 did not read all splits
        known, data = {}, {split: count for split, count in data.items() if split in counts}
    replaced = [
        f"data.{split} still has {counts[split]} images, but not the same ones"
        for split, fingerprint in fingerprints.items()
        if counts.get(split) == data.get(split) and known.get(split, fingerprint) != fingerprint
    ]
    changed = [
        f"data.{split} was {counts.get(split)}, is {data.get(split)}"
        for split in dict.fromkeys((*counts, *data))
        if counts.get(split) != data.get(split)
    ]
    return changed + replaced
