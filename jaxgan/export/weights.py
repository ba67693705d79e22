"""Weights of fewer bits, for smaller files. All computation stays in float32."""

from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int8

from jaxgan.types import PyTree

WeightsName = Literal["float32", "float16", "int8"]
WEIGHTS: tuple[WeightsName, ...] = get_args(WeightsName)

Kernel = Float[Array, "tall wide _ channels"]


def quantize(
    kernel: Kernel,
) -> tuple[Int8[np.ndarray, "tall wide _ channels"], Float[np.ndarray, " channels"]]:
    """Return a kernel as integers in [-127, 127], and the factor for each index of its last axis.

    The last axis holds the output channels of a convolution, and the input channels of a transposed
    convolution.
    """
    values = np.asarray(kernel, np.float32)
    scale = np.abs(values).max(axis=(0, 1, 2)) / 127
    scale = np.where(scale > 0, scale, 1).astype(np.float32)
    return np.round(values / scale).astype(np.int8), scale


def stored(params: PyTree, weights: WeightsName) -> PyTree:
    """Return parameters with the float32 values that a file with such weights stands for.

    Only kernels have fewer bits: biases, scales and statistics are small and matter more.
    """

    def store(path: Any, value: Float[Array, "..."]) -> Float[Array, "..."]:
        if weights == "float32" or path[-1].key != "kernel":
            return value
        if weights == "float16":
            return value.astype(jnp.float16).astype(jnp.float32)
        integers, scale = quantize(value)
        return jnp.asarray(integers * scale)

    return jax.tree_util.tree_map_with_path(store, params)
