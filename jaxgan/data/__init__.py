"""Data sets: where images come from, how they reach the device, how they are augmented there."""
