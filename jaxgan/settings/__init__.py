"""Validation and storage of configs, and their comparison when a run is resumed."""
