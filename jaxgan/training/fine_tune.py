"""Starts a run from the weights of another."""

from pathlib import Path

import jax
import numpy as np
from jax.tree_util import keystr, tree_flatten_with_path, tree_unflatten

from jaxgan.config import Config, from_plain
from jaxgan.errors import UserError
from jaxgan.methods.updates import with_weights
from jaxgan.settings.resume import find_changes
from jaxgan.training.checkpoint import find_checkpoint, read_config, read_weights, steps_in
from jaxgan.training.runs import find_run
from jaxgan.types import PyTree, TrainState


def is_import(workdir: Path) -> bool:
    """Return whether a run's folder holds imported weights that have not been trained further."""
    return steps_in(workdir / "checkpoints") == [0]


def check_import(workdir: Path, config: Config, state: TrainState) -> None:
    """Check that the weights in a run's folder fit an experiment.

    Args:
        workdir: The run's folder.
        config: The experiment.
        state: Its state, or the shapes of its state.

    Raises:
        UserError: If they do not fit. The message names the settings that differ.
    """
    checkpoint = find_checkpoint(workdir)
    _, unmatched = _match(checkpoint, state)
    if unmatched:
        stored = from_plain(read_config(checkpoint), config)
        changes = find_changes(stored.method, config.method, "config.method")
        lines = "; ".join(change.line for change in changes)
        raise UserError(
            f"{workdir} holds weights of another architecture: {lines}. Give the same "
            "values, or start another --workdir with --config.train.init_from"
        )


def start_from(run: str, state: TrainState) -> TrainState:
    """Return a state with the weights of a run where they fit, and print where they do not.

    Args:
        run: A run's folder or one of its checkpoints, or `latest`.
        state: The state of a new run, with its own optimizer and step.

    Raises:
        UserError: If there is no checkpoint, or it cannot be read.
    """
    checkpoint = find_checkpoint(find_run(run))
    weights, unmatched = _match(checkpoint, state)
    used = len(jax.tree.leaves(weights)) - len(unmatched)
    print(f"weights: {used} of {used + len(unmatched)} arrays are those of {checkpoint}")
    if unmatched:
        print(f"weights: newly initialized, no matching weights: {', '.join(unmatched)}")
    resharded = jax.tree.map(
        lambda new, old: jax.device_put(new, old.sharding),
        weights,
        (state.params, state.batch_stats),
    )
    return with_weights(state, *resharded)


def _match(checkpoint: Path, state: TrainState) -> tuple[tuple[PyTree, PyTree], list[str]]:
    """Return weights, from the checkpoint where they fit, and the names that do not fit."""
    saved, _ = tree_flatten_with_path(read_weights(checkpoint))
    found = {keystr(path): leaf for path, leaf in saved}
    leaves, tree = tree_flatten_with_path((state.params, state.batch_stats))
    weights, unmatched = [], []
    for path, leaf in leaves:
        saved_leaf = found.get(keystr(path))
        fits = saved_leaf is not None and saved_leaf.shape == leaf.shape
        weights.append(np.asarray(saved_leaf) if fits else leaf)
        if not fits:
            unmatched.append(keystr(path[1:], simple=True, separator="/"))
    return tree_unflatten(tree, weights), unmatched
