"""Measures the speed of the input pipeline by stage: `python benchmarks/input.py`.

Draws a data set of pairs into a temporary folder and reads it as training does: pix2pix's facades,
286x286 cropped to 256x256. Prints the images per second after each stage, where a pair counts as
two images, and, in the last line, the same as JSON; --json=FILE writes it with hardware and
versions. A train step that is faster than the last stages waits for its data.
"""

import contextlib
import io
import itertools
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import grain
import jax
import options

from jaxgan.cli import console
from jaxgan.data.facades.dataset import ProceduralFacades
from jaxgan.data.loading import Loading
from jaxgan.data.paired import Paired
from jaxgan.images.files import read_image


@dataclass(frozen=True)
class Arguments:
    """Measures the input pipeline on drawn facades."""

    count: int = 128
    """Pairs to draw."""
    batch_size: int = 16
    """Pairs a batch."""
    seconds: float = 5.0
    """How long to measure each stage."""
    workers: int = 2
    """Processes that decode, in the stage that uses any."""
    json: Path | None = None
    """File to write the results to."""


def images_per_second(examples: Iterable[int], seconds: float, warm_up: int) -> float:
    """Consume examples, given by their numbers of images, and return images per second.

    The first `warm_up` images are not timed: threads start, programs compile and caches fill.
    """
    iterator = iter(examples)
    while warm_up > 0:
        warm_up -= next(iterator)
    start, images = time.perf_counter(), 0
    for count in iterator:
        images += count
        if time.perf_counter() - start > seconds:
            break
    return images / (time.perf_counter() - start)


def measure(arguments: Arguments, data_dir: str) -> dict[str, float]:
    """Return the images per second of every stage."""
    source = ProceduralFacades(size=256, train_count=arguments.count, test_count=1)

    def paired_layout(**settings) -> Paired:
        return Paired(source=source, label_maps="a", loading=Loading(data_dir=data_dir, **settings))

    with contextlib.redirect_stdout(io.StringIO()):
        splits = paired_layout().prepare()
    records = splits["train"]
    order = itertools.cycle(range(len(records)))

    def stream(paired: Paired, finish: Callable = lambda batch: batch) -> Iterable[int]:
        batches = paired.stream(
            splits,
            seed=0,
            batch_size=arguments.batch_size,
            start=0,
            rows=range(arguments.batch_size),
        )
        for batch in batches:
            jax.block_until_ready(finish(batch))
            yield 2 * arguments.batch_size

    def read() -> Iterable[int]:
        for index in order:
            record = records[index]
            yield sum(name in record for name in "ab")

    def decode() -> Iterable[int]:
        for index in order:
            yield len([read_image(records[index][name], 3) for name in "ab"])

    uncached, cached = paired_layout(cache_gib=0.0), paired_layout()
    in_processes = paired_layout(cache_gib=0.0, workers=arguments.workers)
    augment, key = jax.jit(cached.augment), jax.random.key(0)
    stages = {
        "records read": read(),
        "and decoded, in one thread": decode(),
        f"batches, decoded and resized in {os.cpu_count()} threads": stream(uncached),
        f"the same in {arguments.workers} processes": stream(in_processes),
        "batches from memory": stream(cached),
        "and on the device": stream(cached, jax.device_put),
        "and cropped and mirrored there": stream(cached, lambda batch: augment(batch, key)),
    }
    return {
        name: round(images_per_second(examples, arguments.seconds, warm_up=2 * arguments.count))
        for name, examples in stages.items()
    }


def main() -> int:
    """Run the benchmark and return its exit code."""
    arguments = console.parse_as(Arguments, sys.argv[1:], prog="benchmarks/input.py")
    with tempfile.TemporaryDirectory() as data_dir:
        speeds = measure(arguments, data_dir)
    for stage, speed in speeds.items():
        print(f"{stage:48} {speed:>8,} images/s")
    results = {"images_per_second": speeds, "grain": grain.__version__}
    print(json.dumps(results))
    options.write(arguments.json, results)
    return 0


if __name__ == "__main__":
    sys.exit(console.run(main))
