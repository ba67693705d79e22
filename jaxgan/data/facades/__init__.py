"""Facades drawn by a program."""
