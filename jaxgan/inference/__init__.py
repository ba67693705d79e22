"""Trained models applied to arrays, files and folders."""
