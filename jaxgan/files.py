"""Files that are either whole or not there."""

from pathlib import Path


def write_text(file: Path, text: str) -> None:
    """Write a file; after a crash on the way it is as it was before."""
    partial = file.with_name(file.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(file)
