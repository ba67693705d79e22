"""The folder of a run: its name, its config, and the promise that one process writes to it."""

import contextlib
import fcntl
import json
import platform
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax

from jaxgan.config import differences
from jaxgan.errors import UserError

# What may change between the parts of a run without changing its numbers.
FREE = (
    "config.train.steps", "config.train.log_every", "config.train.sample_every",
    "config.train.sample_count", "config.train.checkpoint_every", "config.train.keep_last",
    "config.train.keep_every", "config.data.cache_gib", "config.data.workers",
    "config.data.data_dir", "config.data.root", "config.data.mirror",
    "config.data.archive",
)  # fmt: skip


def next_workdir(root: Path, name: str) -> Path:
    """Return `root/NNNNN-name` with the next free number."""
    numbers = [int(path.name[:5]) for path in root.glob("[0-9][0-9][0-9][0-9][0-9]-*")]
    return root / f"{max(numbers, default=-1) + 1:05}-{name}"


@contextlib.contextmanager
def claim(workdir: Path, config: Any) -> Iterator[None]:
    """Hold a run's folder, made if missing, for this process; write its `config.json`.

    Args:
        workdir: The run's folder.
        config: The config as plain values.

    Raises:
        UserError: If another process trains in it, or it holds a run of another config.
    """
    workdir.mkdir(parents=True, exist_ok=True)
    with open(workdir / ".lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UserError(
                f"another process is training in {workdir}: choose another --workdir"
            ) from error
        file = workdir / "config.json"
        if file.exists():
            try:
                old = json.loads(file.read_text())["config"]
            except (ValueError, KeyError) as error:
                raise UserError(
                    f"{file} is damaged: restore it or choose another --workdir"
                ) from error
            changed = [line for line in differences(old, config) if not line.startswith(FREE)]
            if changed:
                raise UserError(
                    f"{workdir} holds a run of another config: {'; '.join(changed)}. "
                    "Choose another --workdir, or the same values"
                )
        record = {
            "config": config,
            "versions": {name: version(name) for name in ("jaxgan", "jax", "flax", "optax")}
            | {"python": platform.python_version()},
            "devices": [device.device_kind for device in jax.devices()],
        }
        partial = workdir / "config.json.partial"
        partial.write_text(json.dumps(record, indent=2) + "\n")
        partial.replace(file)
        yield
