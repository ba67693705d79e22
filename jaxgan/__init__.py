"""DCGAN, pix2pix and CycleGAN in pure JAX."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jaxgan.inference.model import Model, load

__all__ = ["Model", "load"]
__version__ = "0.2.0"


def __getattr__(name: str):
    """Import the public names when they are used: JAX takes longer than a command line."""
    if name in __all__:
        return getattr(importlib.import_module("jaxgan.inference.model"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
