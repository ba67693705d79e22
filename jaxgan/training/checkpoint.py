"""Checkpoints: the whole TrainState and the config, written by Orbax in the background."""

import contextlib
import math
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import orbax.checkpoint as ocp
from jaxtyping import Array, Bool, UInt32

from jaxgan.errors import UserError
from jaxgan.methods.averages import average_name
from jaxgan.training.quiet import silence_orbax
from jaxgan.types import PyTree, TrainState

MARGIN = 16 * 2**20  # bytes to leave free for files other than the arrays


@contextlib.contextmanager
def open_checkpoints(
    directory: Path, *, keep_last: int, keep_every: int
) -> Iterator[ocp.CheckpointManager]:
    """Open a folder of checkpoints and remove incomplete ones, which a crash leaves.

    Args:
        directory: The folder, created if missing.
        keep_last: Number of latest checkpoints to keep.
        keep_every: Also keep checkpoints at multiples of this number of steps; 0 for none.

    Raises:
        UserError: On exit, if a checkpoint could not be written.
    """
    silence_orbax()
    options = ocp.CheckpointManagerOptions(
        max_to_keep=keep_last, keep_period=keep_every or None, cleanup_tmp_directories=True
    )
    manager = ocp.CheckpointManager(
        directory.absolute(), options=options, item_names=("state", "config", "digest")
    )
    try:
        yield manager
    finally:
        with _writing(manager):
            manager.close()


def save(
    manager: ocp.CheckpointManager,
    state: TrainState,
    config: Any,
    score: Mapping[str, Any] | None = None,
) -> None:
    """Start writing a checkpoint. The state may be donated as soon as this returns.

    Checkpoints of later steps are removed: they are left when a run continues from an earlier one.

    Args:
        manager: Destination.
        state: State to save, under its own step.
        config: Config as plain values, so that the checkpoint is self-contained.
        score: Score of the model for `best_score`: its `value`, and the `measure` that gave it.

    Raises:
        UserError: If the disk is full, or the previous checkpoint could not be written.
    """
    needed = sum(leaf.nbytes for leaf in jax.tree.leaves(state)) + MARGIN
    free = shutil.disk_usage(manager.directory).free
    if free < needed:
        raise UserError(
            f"the disk of {manager.directory} is full: a checkpoint needs {needed >> 20} MiB, and "
            f"{free >> 20} MiB are free. Make room: the same command continues from the last one"
        )
    step = int(state.step)
    with _writing(manager):
        for later in manager.all_steps():
            if later >= step:  # Orbax skips steps that are not later than these
                manager.delete(later)
        manager.save(
            step,
            args=ocp.args.Composite(
                state=ocp.args.StandardSave(state),
                config=ocp.args.JsonSave(config),
                digest=ocp.args.JsonSave({"sum": int(digest(state)), "score": score}),
            ),
        )


def best_score(manager: ocp.CheckpointManager, measure: str) -> float:
    """Return the score of the latest checkpoint.

    Returns minus infinity if there is no checkpoint, or its score is missing, unreadable or by
    another measure.
    """
    wait(manager)
    step = manager.latest_step()
    if step is None:
        return -math.inf
    checkpoint = Path(manager.directory) / str(step)
    try:
        score = _read(checkpoint, digest=ocp.args.JsonRestore())["digest"]["score"]
        return float(score["value"]) if score["measure"] == measure else -math.inf
    except (UserError, KeyError, TypeError, ValueError):
        print(f"{checkpoint} cannot be read: the next evaluated model counts as the best")
        return -math.inf


def wait(manager: ocp.CheckpointManager) -> None:
    """Wait until all checkpoints are on disk.

    Raises:
        UserError: If a checkpoint could not be written.
    """
    with _writing(manager):
        manager.wait_until_finished()


@contextlib.contextmanager
def _writing(manager: ocp.CheckpointManager) -> Iterator[None]:
    try:
        yield
    except ValueError as error:  # from TensorStore, also for a full disk
        reason = str(error).rpartition(": ")[2]
        raise UserError(
            f"cannot write a checkpoint to {manager.directory} ({reason}): "
            "once it can be written to, the same command continues from the last one that is whole"
        ) from error


def restore(manager: ocp.CheckpointManager, abstract_state: TrainState) -> TrainState | None:
    """Return the state of the latest readable checkpoint, or None if there is no checkpoint.

    Args:
        manager: Source.
        abstract_state: Shapes, dtypes and shardings of the state.

    Raises:
        UserError: If none can be read, or, with several processes, if the latest cannot.
    """
    steps = sorted(manager.all_steps(), reverse=True)
    reasons = []
    for step in steps:
        try:
            restored = manager.restore(
                step,
                args=ocp.args.Composite(
                    state=ocp.args.StandardRestore(abstract_state), digest=ocp.args.JsonRestore()
                ),
            )
            if restored["digest"]["sum"] != int(digest(restored["state"])):
                raise ValueError("its content has changed since it was written")
        except (MemoryError, PermissionError, jax.errors.JaxRuntimeError):
            raise  # not caused by the checkpoint
        except Exception as error:  # damaged files raise many types of errors
            reason = str(error) or type(error).__name__
            if jax.process_count() > 1:  # other processes may have read it
                raise UserError(
                    f"checkpoint {manager.directory / str(step)} cannot be read "
                    f"({reason.splitlines()[0]}): move it out of the way, and the same commands "
                    "continue from the one before"
                ) from error
            reasons.append(f"step {step}: {reason.splitlines()[0]}")
            print(f"checkpoint {manager.directory / str(step)} cannot be read, trying an older one")
        else:
            for damaged in steps[: len(reasons)]:
                _put_aside(manager, damaged)
            return restored["state"]
    if reasons:
        raise UserError(
            f"no checkpoint in {manager.directory} can be read ({reasons[0]}): "
            "restore the folder, or start again with another --workdir"
        )
    return None


def find_checkpoint(folder: Path) -> Path:
    """Return the latest checkpoint in a run or a folder of checkpoints.

    A folder that is itself a checkpoint is returned unchanged.

    Raises:
        UserError: If there is no checkpoint.
    """
    for parent in (folder / "checkpoints", folder):
        if steps := steps_in(parent):
            return parent / str(max(steps))
    if (folder / "state").is_dir():
        return folder
    raise UserError(f"there is no checkpoint in {folder}: give the folder of a run")


def steps_in(folder: Path) -> list[int]:
    """Return the steps of the checkpoints in a folder."""
    names = (path.name for path in folder.glob("*") if path.is_dir())
    return [int(name) for name in names if re.fullmatch("0|[1-9][0-9]{0,9}", name)]


def read_config(checkpoint: Path) -> Any:
    """Return the config in a checkpoint, as plain values.

    Raises:
        UserError: If the checkpoint cannot be read.
    """
    return _read(checkpoint, config=ocp.args.JsonRestore())["config"]


def read_state(checkpoint: Path, abstract_state: TrainState) -> TrainState:
    """Return the state in a checkpoint.

    Args:
        checkpoint: Folder of the checkpoint.
        abstract_state: Shapes and dtypes of the state.

    Raises:
        UserError: If the checkpoint cannot be read, is damaged, or has weights that are not finite.
    """
    state = ocp.args.StandardRestore(_on_one_device(abstract_state))
    read = _read(checkpoint, state=state, digest=ocp.args.JsonRestore())
    if read["digest"]["sum"] != int(digest(read["state"])):
        raise UserError(f"{checkpoint} is damaged: its content has changed since it was written")
    _check_weights(checkpoint, read["state"].params)
    return read["state"]


def read_weights(checkpoint: Path) -> tuple[PyTree, PyTree]:
    """Return all parameters and running statistics in a checkpoint of any config.

    Averaged generators replace the latest ones.

    Raises:
        UserError: If the weights cannot be read or are not finite.
    """
    with contextlib.closing(ocp.StandardCheckpointHandler()) as handler, _reading(checkpoint):
        folder = (checkpoint / "state").absolute()
        saved = handler.metadata(folder).tree  # pyright: ignore[reportArgumentType]
    state = _read(checkpoint, state=ocp.args.StandardRestore(_on_one_device(saved)))["state"]
    params, batch_stats = state["params"], state["batch_stats"] or {}
    _check_weights(checkpoint, params)
    for network in params:
        if average := (state["memory"] or {}).get(average_name(network)):
            params[network], batch_stats[network] = average["params"], average["batch_stats"]
    return params, batch_stats


def _check_weights(checkpoint: Path, params: PyTree) -> None:
    if not all_finite(params):
        raise UserError(f"{checkpoint} holds weights that are not finite: choose an earlier one")


def _read(checkpoint: Path, **items: Any) -> Any:
    handler = ocp.CompositeCheckpointHandler()
    with ocp.Checkpointer(handler) as checkpointer, _reading(checkpoint):
        return checkpointer.restore(checkpoint.absolute(), ocp.args.Composite(**items))


@contextlib.contextmanager
def _reading(checkpoint: Path) -> Iterator[None]:
    try:
        yield
    except (MemoryError, PermissionError, jax.errors.JaxRuntimeError):
        raise  # not caused by the checkpoint
    except Exception as error:  # damaged files raise many types of errors
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise UserError(f"{checkpoint} cannot be read ({reason})") from error


def _on_one_device(shapes: PyTree) -> PyTree:
    """Place the arrays on one device of this process, wherever they were saved."""
    device = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    return jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=device), shapes
    )


def _put_aside(manager: ocp.CheckpointManager, step: int) -> None:
    """Move an unreadable checkpoint away, so that a new one of its step can be saved."""
    folder = Path(manager.directory)
    aside = folder.with_name(f"damaged_checkpoint_{step}")
    shutil.rmtree(aside, ignore_errors=True)
    (folder / str(step)).rename(aside)
    manager.reload()


@jax.jit
def digest(tree: PyTree) -> UInt32[Array, ""]:
    """Return a checksum of all arrays. A change of any single element changes it."""
    total = jnp.zeros((), jnp.uint32)
    for leaf in jax.tree.leaves(tree):
        words = jax.lax.bitcast_convert_type(leaf, f"uint{8 * leaf.dtype.itemsize}")
        words = words.astype(jnp.uint32).ravel()
        # Odd weights, so that no change is multiplied to zero. Sums modulo 2**32 do not depend on
        # the order.
        weights = 2 * jnp.arange(words.size, dtype=jnp.uint32) + 1
        total = 31 * total + jnp.sum(words * weights, dtype=jnp.uint32)
    return total


@jax.jit
def all_finite(tree: PyTree) -> Bool[Array, ""]:
    """Return whether all elements of all arrays are finite."""
    return jnp.all(jnp.array([jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(tree)]))
