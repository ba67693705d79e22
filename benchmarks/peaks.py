"""Measures the peak of a device: matrix products and a copy. `python benchmarks/peaks.py`.

Prints a table and, in the last line, the same as JSON; --json=FILE writes it.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import jax
import jax.numpy as jnp
import options

from jaxgan.cli import console

REPEATS = 5  # the shortest is reported, because the device may be shared
MATRIX = 4096  # rows and columns
COPIED = 2**28  # bytes


def product_speed(dtype: str, size: int = MATRIX) -> float:
    """Return the floating-point operations per second of a large matrix product on one device."""
    x = jnp.ones((size, size), dtype)
    return 2 * size**3 / _fastest(jax.jit(jnp.matmul), x, x)


def copy_speed(size: int = COPIED) -> float:
    """Return the bytes per second that one device reads and writes in a copy."""
    x = jnp.ones(size // 4)
    return 2 * size / _fastest(jax.jit(lambda x: x + 1), x)


def _fastest(function: Callable[..., jax.Array], *arguments: jax.Array) -> float:
    times = []
    for _ in range(REPEATS + 1):  # the first compiles
        start = perf_counter()
        function(*arguments).block_until_ready()
        times.append(perf_counter() - start)
    return min(times)


def main() -> int:
    """Run the benchmark and return its exit code."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--size", type=int, default=MATRIX, help="rows and columns of the matrices")
    parser.add_argument("--json", type=Path, help="file to write the results to")
    own = parser.parse_args()
    results = {
        f"{dtype}_gflop_per_second": round(product_speed(dtype, own.size) / 1e9, 1)
        for dtype in ("float32", "bfloat16")
    }
    results["copy_gigabytes_per_second"] = round(copy_speed(16 * own.size**2) / 1e9, 1)
    options.report(own.json, results)
    return 0


if __name__ == "__main__":
    sys.exit(console.run(main))
