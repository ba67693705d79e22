"""Measures exported models: `python benchmarks/export.py`.

Exports generators of the three papers and of the quick start, with drawn weights, in every format
and type of weights. Prints the size of the file, the difference of its output from JAX in float32,
and the time per image of onnxruntime (or of the exported StableHLO) and of the jitted generator,
in alternation. Needs no data set. --only=NAME measures one network.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import onnxruntime

from jaxgan.devices.compiler import compiler_options
from jaxgan.export.check import Given, Run, difference
from jaxgan.export.generator import PLAIN, run, with_compute
from jaxgan.export.onnx import to_onnx
from jaxgan.export.stablehlo import to_stablehlo
from jaxgan.export.weights import WEIGHTS
from jaxgan.networks.dcgan import DCGANGenerator
from jaxgan.networks.resnet import ResNetGenerator
from jaxgan.networks.unet import UNetGenerator
from jaxgan.types import TrainedGenerator

ROUNDS = 7
NETWORKS: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
    "U-Net-256": (UNetGenerator(3), (256, 256, 3)),
    "U-Net-256, resize": (UNetGenerator(3, upsample="resize"), (256, 256, 3)),
    "ResNet-9": (ResNetGenerator(3), (256, 256, 3)),
    "ResNet-9, resize": (ResNetGenerator(3, upsample="resize"), (256, 256, 3)),
    "DCGAN-64": (DCGANGenerator(64, 3), (100,)),
    "quick start": (
        UNetGenerator(3, features=16, depth=7, norm="instance", upsample="resize"),
        (128, 128, 3),
    ),
}


class Row(NamedTuple):
    """A line of the table: megabytes, differences in [-1, 1] and milliseconds per image."""

    network: str
    format: str
    megabytes: float
    largest: float
    mean: float
    milliseconds: float
    jax_milliseconds: float


def trained(network: nn.Module, shape: tuple[int, ...]) -> TrainedGenerator:
    """Return a generator with its initial weights, without dropout."""
    variables = jax.jit(network.init)({"params": jax.random.key(0)}, jnp.zeros((1, *shape)))
    return TrainedGenerator(
        variables["params"],
        variables.get("batch_stats", {}),
        network,
        dropout=False,
        use_running_average=len(shape) == 1,
    )


def exports(generator: TrainedGenerator, given: Given) -> Iterator[tuple[str, int, Run]]:
    """Yield the name, size in bytes and function of every export."""
    for weights in WEIGHTS:
        content = to_onnx(generator, weights)
        session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
        (name,) = (value.name for value in session.get_inputs())
        yield (
            f"ONNX, {weights}",
            len(content),
            lambda x, s=session, n=name: np.asarray(s.run(None, {n: x})[0]),
        )
    content = to_stablehlo(with_compute(generator, PLAIN), given)
    call = jax.jit(jax.export.deserialize(bytearray(content)).call)
    yield "StableHLO", len(content), lambda x: np.asarray(call(x))


def measure(name: str) -> Iterator[Row]:
    """Yield a row for every export of a network."""
    network, shape = NETWORKS[name]
    generator = trained(network, shape)
    rng = np.random.default_rng(0)
    given = rng.uniform(-1, 1, (1, *shape)).astype(np.float32)
    compiled = jax.jit(run, compiler_options=compiler_options())

    def in_jax(x: Given) -> np.ndarray:
        return np.asarray(compiled(generator, x))

    for format, size, exported in exports(generator, given):
        apart = difference(exported, in_jax, [given])
        times = alternate(lambda: exported(given), lambda: in_jax(given))
        yield Row(name, format, size / 1e6, apart.largest, apart.mean, *times)


def alternate(*functions: Callable[[], object]) -> list[float]:
    """Return the median milliseconds of functions, which run in turns."""
    times = [[] for _ in functions]
    for _ in range(ROUNDS):
        for function, found in zip(functions, times, strict=True):
            start = time.perf_counter()
            function()
            found.append(1e3 * (time.perf_counter() - start))
    return [statistics.median(found) for found in times]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=NETWORKS, help="measure this network only")
    chosen = parser.parse_args().only
    print("| network | export | MB | largest difference | mean | ms | ms, JAX | ratio |")
    print("|---|---|---|---|---|---|---|---|")
    for name in [chosen] if chosen else NETWORKS:
        for row in measure(name):
            print(
                f"| {row.network} | {row.format} | {row.megabytes:.1f} | {row.largest:.1e} | "
                f"{row.mean:.1e} | {row.milliseconds:.0f} | {row.jax_milliseconds:.0f} | "
                f"{row.milliseconds / row.jax_milliseconds:.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
