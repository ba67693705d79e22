"""The folder of a run: its name, its config, and the promise that one process writes to it."""

import contextlib
import json
import os
import platform
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Any

import jax

from jaxgan.config import Config
from jaxgan.errors import UserError
from jaxgan.files import lock, write_text
from jaxgan.settings.resume import find_changes
from jaxgan.settings.stored import from_json, own_classes, to_json

# What a run's folder holds besides its config and checkpoints.
REPORT = ("index.html", "metrics.jsonl", "plotly.min.js", "samples", "tensorboard", "best")


@contextlib.contextmanager
def new_workdir(root: Path, name: str) -> Iterator[Path]:
    """Make `root/NNNNN-name` with the next free number; left empty, it is removed again."""
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
    """Hold a run's folder, made if missing, for this process; write its `config.json`.

    Args:
        workdir: The run's folder.
        config: The experiment.
        data: Images by split, which may not change between the parts of a run either.
        fingerprints: What the images of a split are, where that is known; these may not change.
        allow_new_data: Whether the images may change after all.

    Raises:
        UserError: If another process trains in it, it holds a run of another config or data, or
            files of the user that a run would replace; on leaving, if it was moved or removed.
    """
    workdir.mkdir(parents=True, exist_ok=True)

    def refuse():
        raise UserError(
            f"another process is training in {workdir}: choose another --workdir, or "
            "train together with --distributed"
        )

    with lock(workdir / ".lock", refuse):
        file = workdir / "config.json"
        known: Mapping[str, str] = {}
        others = [workdir / name for name in REPORT if os.path.lexists(workdir / name)]
        if others and not file.exists() and not (workdir / "checkpoints").exists():
            raise UserError(
                f"{others[0]} exists, but does not belong to a run: choose another --workdir"
            )
        if file.exists():
            try:
                old = json.loads(file.read_text(encoding="utf-8"))
                stored = old["config"]
                known = {**(old.get("fingerprints") or {})}
                data_changed = _data_changes(old, data, fingerprints)
            except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
                raise UserError(
                    f"{file} is damaged: restore it or choose another --workdir"
                ) from error
            try:
                changes = find_changes(from_json(stored, own_classes(config)), config)
            except UserError as error:
                raise UserError(f"{file}: {error}") from error
            if reported := [change.line for change in changes if change.is_reported]:
                print(f"changed since the run's last part: {'; '.join(reported)}")
            fixed = [c.line for c in changes if not (c.is_free or c.is_reported)]
            if fixed:
                raise UserError(
                    f"{workdir} holds a run of another config: {'; '.join(fixed)}. "
                    "Choose another --workdir, or the same values"
                )
            if data_changed and not allow_new_data:
                raise UserError(
                    f"{workdir} holds a run on other images: {'; '.join(data_changed)}. Restore "
                    "them, choose another --workdir, or continue with the new ones: "
                    "--config.train.allow_new_data=True"
                )
            if data_changed:
                print(f"data: training continues with different images: {'; '.join(data_changed)}")
                known = {}
        record = {
            "config": to_json(config),
            "data": dict(data),
            "fingerprints": {**known, **fingerprints},
            "versions": {name: version(name) for name in ("jaxgan", "jax", "flax", "optax")}
            | {"python": platform.python_version()},
            "devices": [device.device_kind for device in jax.devices()],
        }
        write_text(file, json.dumps(record, indent=2) + "\n")
        try:
            yield
        except (OSError, UserError):
            check_present(workdir)  # the reason for these, if it is not
            raise


def check_present(workdir: Path) -> None:
    """Check that the folder of a run that is being trained is still in its place.

    Raises:
        UserError: If it was moved or removed. Nothing is made in its old place.
    """
    if not (workdir / "config.json").exists():
        raise UserError(
            f"{workdir} was moved or removed during training: to continue from its last "
            "checkpoint, give its new place as --workdir"
        )


def _data_changes(
    old: Mapping[str, Any], data: Mapping[str, int], fingerprints: Mapping[str, str]
) -> list[str]:
    """Return a line for each split whose images are not those of a run's record."""
    counts, known = old["data"], old.get("fingerprints")
    if known is None:  # version 0.1, which did not read all splits
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
