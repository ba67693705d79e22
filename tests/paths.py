"""Folders that tests read."""

from pathlib import Path

TESTS = Path(__file__).parent
REFERENCE = TESTS / "reference"
ROOT = TESTS.parent
CONFIGS = ROOT / "configs"
