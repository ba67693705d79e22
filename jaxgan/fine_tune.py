"""Starting a run from the weights of another."""

from pathlib import Path

import jax
from jax.tree_util import keystr, tree_flatten_with_path, tree_unflatten

from jaxgan.checkpoint import find_checkpoint, read_weights
from jaxgan.types import TrainState
from jaxgan.updates import with_weights


def start_from(run: str, state: TrainState) -> TrainState:
    """Return a state with the weights of a run where they fit, and say where they do not.

    Args:
        run: A run's folder, or one of its checkpoints.
        state: The state of a new run, with its own optimizer and step.

    Raises:
        UserError: If there is no checkpoint, or it cannot be read.
    """
    checkpoint = find_checkpoint(Path(run).expanduser())
    found = {
        keystr(path): leaf for path, leaf in tree_flatten_with_path(read_weights(checkpoint))[0]
    }
    leaves, tree = tree_flatten_with_path((state.params, state.batch_stats))
    weights, anew = [], []
    for path, leaf in leaves:
        name = keystr(path)
        fits = name in found and found[name].shape == leaf.shape
        weights.append(jax.device_put(found[name], leaf.sharding) if fits else leaf)
        if not fits:
            anew.append(keystr(path[1:], simple=True, separator="/"))
    used = len(weights) - len(anew)
    print(f"init_from: {used} of {len(weights)} arrays are those of {checkpoint}")
    if anew:
        print(f"init_from: these start anew: {', '.join(anew)}")
    return with_weights(state, *tree_unflatten(tree, weights))
