"""Damaged files of weights are tensors or errors of one line: no crash, and bounded memory."""

import fuzz_weights
import pytest
from fuzzing import run


def read(seed, count):
    outcomes = run(fuzz_weights.__file__, seed, count)
    assert outcomes["read"] > count / 10
    assert outcomes["mebibytes"] < 250  # 85, nearly all of which are Python with NumPy


def test_damaged_files_are_tensors_or_errors():
    read(seed=0, count=600)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 6))
def test_many_damaged_files_are_tensors_or_errors(seed):
    read(seed, count=10_000)
