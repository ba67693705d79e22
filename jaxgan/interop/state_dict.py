"""Checks the tensors of a PyTorch state dict."""

import re
from collections.abc import Mapping

import numpy as np

from jaxgan.errors import UserError


def extract(
    tensors: Mapping[str, np.ndarray], shapes: Mapping[str, tuple[int, ...]], ignored: str
) -> dict[str, np.ndarray]:
    """Return the named tensors of a state dict in float32.

    Args:
        tensors: The state dict.
        shapes: Shape of every required tensor, by name.
        ignored: A regular expression for the names of tensors that are ignored.

    Raises:
        UserError: If a tensor is missing, unexpected or of another shape. The message names it.
    """
    for name, shape in shapes.items():
        if name not in tensors:
            raise UserError(f"the tensor {name} is missing: choose the file of another network")
        if tensors[name].shape != shape:
            raise UserError(
                f"the tensor {name} has the shape {tensors[name].shape}, not {shape}: "
                "choose the file of another network"
            )
    for name in tensors.keys() - shapes.keys():
        if not re.fullmatch(ignored, name):
            raise UserError(f"the tensor {name} is left over: choose the file of another network")
    return {name: np.asarray(tensors[name], np.float32) for name in shapes}
