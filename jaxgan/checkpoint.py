"""Checkpoints: the whole TrainState and the config, written by Orbax in the background."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import orbax.checkpoint as ocp
from jaxtyping import Array, Bool, UInt32

from jaxgan.errors import UserError
from jaxgan.types import PyTree, TrainState


def open_checkpoints(directory: Path, *, keep_last: int, keep_every: int) -> ocp.CheckpointManager:
    """Open a folder of checkpoints; one that was not finished, after a crash, is removed.

    Args:
        directory: The folder, made if missing.
        keep_last: How many of the latest to keep.
        keep_every: Keep also those at multiples of so many steps; 0 for none.
    """
    options = ocp.CheckpointManagerOptions(max_to_keep=keep_last, keep_period=keep_every or None)
    return ocp.CheckpointManager(
        directory.absolute(), options=options, item_names=("state", "config", "digest")
    )


def save(manager: ocp.CheckpointManager, state: TrainState, config: Any) -> None:
    """Start to write a checkpoint; the state may be donated as soon as this returns.

    Args:
        manager: Where to.
        state: What to save, under its own step.
        config: The config as plain values, which makes the checkpoint usable by itself.
    """
    manager.save(
        int(state.step),
        args=ocp.args.Composite(
            state=ocp.args.StandardSave(state),
            config=ocp.args.JsonSave(config),
            digest=ocp.args.JsonSave({"sum": int(digest(state))}),
        ),
    )


def restore(manager: ocp.CheckpointManager, abstract_state: TrainState) -> TrainState | None:
    """Return the latest checkpoint that can be read, or None where there is none at all.

    Args:
        manager: Where from.
        abstract_state: Shapes, dtypes and shardings of the state.

    Raises:
        UserError: If none of the checkpoints can be read.
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
        except Exception as error:  # Orbax and TensorStore raise all kinds on damaged files
            reasons.append(f"step {step}: {str(error).splitlines()[0]}")
            print(f"checkpoint {manager.directory / str(step)} cannot be read, trying an older one")
        else:
            for damaged in steps[: len(reasons)]:
                manager.delete(damaged)
            return restored["state"]
    if reasons:
        raise UserError(
            f"no checkpoint in {manager.directory} can be read ({reasons[0]}): "
            "restore the folder, or start again with another --workdir"
        )
    return None


@jax.jit
def digest(tree: PyTree) -> UInt32[Array, ""]:
    """Return a checksum of all arrays: any single changed element changes it."""
    total = jnp.zeros((), jnp.uint32)
    for leaf in jax.tree.leaves(tree):
        words = jax.lax.bitcast_convert_type(leaf, f"uint{8 * leaf.dtype.itemsize}")
        words = words.astype(jnp.uint32).ravel()
        # Odd weights, so that no change is multiplied to zero; sums modulo 2**32 have no order.
        total = 31 * total + jnp.sum(words * (2 * jnp.arange(words.size, dtype=jnp.uint32) + 1))
    return total


@jax.jit
def all_finite(tree: PyTree) -> Bool[Array, ""]:
    """Return whether no array holds NaN or infinity."""
    return jnp.all(jnp.array([jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(tree)]))
