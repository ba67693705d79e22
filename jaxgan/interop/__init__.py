"""Weights from and for other code bases."""
