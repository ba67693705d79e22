"""What a run would be, without a device computing or a file being read."""

import json
import math

import jax

from jaxgan.config import Config, to_json
from jaxgan.trainer import make_init
from jaxgan.types import PyTree


def describe(config: Config) -> str:
    """Return the config, the parameters of each network, and the memory that the state takes.

    Raises:
        UserError: If the networks do not fit the images.
    """
    state = jax.eval_shape(make_init(config), jax.random.key(0))
    names = [*state.params, "total"]
    trees = [*state.params.values(), state.params]
    width = max(map(len, names))
    table = "\n".join(
        f"{name:{width}}  {_count(tree):>12,} parameters"
        for name, tree in zip(names, trees, strict=True)
    )
    mib = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(state)) / 2**20
    return (
        f"{json.dumps(to_json(config), indent=2)}\n\n{table}\n\n"
        f"The state takes {mib:,.1f} MiB of memory, activations and data aside."
    )


def _count(tree: PyTree) -> int:
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(tree))
