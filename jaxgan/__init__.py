"""DCGAN, Pix2pix and CycleGAN in pure JAX."""

__version__ = "0.1.0"
