"""Data sets: sources of images, loading, and augmentation on the device."""
