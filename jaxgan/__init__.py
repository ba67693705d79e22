"""Image-to-image GANs in pure JAX."""

__version__ = "0.1.0"
