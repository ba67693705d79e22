"""Weights that anybody can draw again, in place of published ones, which are large."""

import math
import zlib

import numpy as np


def draw(name, shape):
    """Return a tensor that depends on its name and shape alone."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    if name.endswith("num_batches_tracked"):
        return np.zeros(shape, np.int64)
    if name.endswith("running_var"):
        value = 0.5 + rng.random(shape)
    elif name.endswith("bn.weight"):
        value = 1 + 0.1 * rng.standard_normal(shape)
    elif name.endswith(("bias", "running_mean")):
        value = 0.1 * rng.standard_normal(shape)
    else:
        value = rng.standard_normal(shape) * math.sqrt(2 / math.prod(shape[1:]))
    return np.asarray(value, np.float32)
