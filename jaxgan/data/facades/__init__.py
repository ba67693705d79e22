"""Procedurally drawn facades."""
