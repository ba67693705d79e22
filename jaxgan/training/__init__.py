"""The training loop, and the files that a run writes."""
