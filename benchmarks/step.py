"""How fast is a train step? `python benchmarks/step.py --config configs/pix2pix_facades.py`.

Takes the arguments of train.py, reads no data set and resumes nothing: the images are noise, made
once. Prints a table and, as the last line, the same as JSON.
"""

import json
import statistics
import sys
import time

import jax
import numpy as np

from jaxgan import command_line, partition
from jaxgan.config import Config
from jaxgan.trainer import make_placed_init, make_train_step, place

ROUNDS = 5  # the median of which is reported
ROUND_SECONDS = 4.0


def measure(config: Config) -> dict[str, float | int | str]:
    """Compile the train step of a config and time it."""
    batch_size = config.train.batch_size
    placed = place(config)
    spec = config.data.spec(batch_size)
    rng = np.random.default_rng(0)
    noise = {name: rng.uniform(0, 255, x.shape).astype(x.dtype) for name, x in spec.items()}
    raw = jax.device_put(noise, partition.split_batch(placed.mesh))
    key = jax.random.key(0)
    state = make_placed_init(config, placed)(key)

    start = time.perf_counter()
    step = make_train_step(config, placed).lower(state, spec, key).compile()
    compile_seconds = time.perf_counter() - start

    def seconds_of(steps: int) -> float:
        nonlocal state
        start = time.perf_counter()
        for _ in range(steps):
            state, _ = step(state, raw, key)
        jax.block_until_ready(state)
        return (time.perf_counter() - start) / steps

    seconds_of(2)  # the first steps also fill caches
    steps = max(1, round(ROUND_SECONDS / seconds_of(2)))
    seconds = statistics.median(seconds_of(steps) for _ in range(ROUNDS))
    return {
        "device": partition.describe(placed.mesh),
        "jax": jax.__version__,
        "batch_size": batch_size,
        "compile_seconds": round(compile_seconds, 1),
        "ms_per_step": round(1000 * seconds, 2),
        "steps_per_second": round(1 / seconds, 2),
        "images_per_second": round(batch_size / seconds, 2),
    }


def main() -> int:
    """Measure what the command line says; return the exit code."""
    name, arguments = command_line.parse(sys.argv[1:])
    result = {"config": name} | measure(arguments.config)
    for field, value in result.items():
        print(f"{field:18} {value}")
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(command_line.run(main))
