"""Compares exported models with JAX."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from jaxgan.errors import UserError
from jaxgan.export.generator import run, with_compute
from jaxgan.networks.layers.compute import Compute
from jaxgan.types import TrainedGenerator

LEVEL = 2 / 255  # a gray level, in [-1, 1]
LIMIT = LEVEL / 2  # far above rounding, for which 4e-5 was measured in float32

Given = Float[np.ndarray, "batch ..."]
Made = Float[np.ndarray, "batch height width channels"]
Run = Callable[[Given], Made]


class Difference(NamedTuple):
    """Largest and mean absolute difference of images in [-1, 1]."""

    largest: float
    mean: float

    def __str__(self) -> str:
        return f"at most {self.largest:.1e} (mean {self.mean:.1e})"


def difference(one: Run, other: Run, inputs: Sequence[Given]) -> Difference:
    """Return how much the outputs of two functions differ; NaN if an output is not finite."""
    values = np.concatenate([np.abs(one(given) - other(given)).ravel() for given in inputs])
    return Difference(float(values.max()), float(values.mean()))


def require_equal(exported: Run, expected: Run, inputs: Sequence[Given]) -> Difference:
    """Return the difference of an exported model from JAX, which only rounding may cause.

    Raises:
        UserError: If it is larger than half a gray level.
    """
    found = difference(exported, expected, inputs)
    if not found.largest <= LIMIT:
        raise UserError(
            f"the exported model does not compute what JAX computes, its output differs by {found} "
            "in [-1, 1]: nothing was written; please report this, with the config of the run"
        )
    return found


def in_jax(generator: TrainedGenerator) -> Run:
    """Return a function that runs a generator in JAX, by the layers that training uses."""
    generator = with_compute(generator, Compute())
    compiled = jax.jit(run)
    return lambda given: np.asarray(compiled(generator, given))
