"""Flax linen modules. Images in and out are NHWC."""
