"""Damaged files of weights are tensors or errors of one line: no crash, and bounded memory."""

import json
import subprocess
import sys

import fuzz_weights
import pytest


def run(seed, count):
    """Read damaged files in a process of their own, which a crash would end."""
    command = [sys.executable, fuzz_weights.__file__, str(seed), str(count)]
    done = subprocess.run(command, capture_output=True, text=True)
    last = done.stdout.splitlines()[-1:]
    assert done.returncode == 0, (seed, last, done.stderr)
    assert not done.stderr
    outcomes = json.loads(last[0])
    assert outcomes["read"] > count / 10
    assert outcomes["errors"] > count / 2
    assert outcomes["mebibytes"] < 250  # 85, nearly all of which are Python with NumPy
    assert outcomes["slowest"] < 10


def test_damaged_files_are_tensors_or_errors():
    run(seed=0, count=600)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 6))
def test_many_damaged_files_are_tensors_or_errors(seed):
    run(seed, count=10_000)
