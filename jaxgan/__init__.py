"""DCGAN, pix2pix and CycleGAN in pure JAX."""

from jaxgan.model import Model, load

__all__ = ["Model", "load"]
__version__ = "0.1.0"
