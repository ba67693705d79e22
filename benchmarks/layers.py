"""Our convolutions beside XLA's: `python benchmarks/layers.py --config configs/pix2pix_facades.py`.

Times every convolution and transposed convolution of a config's networks by itself, forward and
backward, beside its plain formulation as `jax.jit` compiles it by default, in turns. Needs no data
set. Takes options of its own (--help) and the arguments of train.py; --json=FILE gets the results.
"""

import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import options

from jaxgan import command_line
from jaxgan.compiler import compiler_options
from jaxgan.config import Config
from jaxgan.networks import convolutions, forms
from jaxgan.networks.layers import Conv, ConvTranspose
from jaxgan.programs import make_init

ROUNDS = 7
ROUND_SECONDS = 0.1


class Layer(NamedTuple):
    """A convolution as a network has it."""

    transposed: bool
    shape: tuple[int, ...]
    features: int
    kernel_size: int
    geometry: tuple[int, ...]

    def __str__(self):
        size, stride = self.kernel_size, self.geometry[0]
        kind = "transposed " if self.transposed else ""
        shape = "x".join(map(str, self.shape))
        return f"{kind}{size}x{size} stride {stride}, {shape} to {self.features}"


def layers_of(config: Config) -> list[Layer]:
    """Return the different convolutions of a config's networks, as they come."""
    found: dict[Layer, None] = {}

    def note(call, arguments, keywords, context):
        module = context.module
        if isinstance(module, Conv | ConvTranspose):
            geometry = (module.stride, module.padding)
            if isinstance(module, ConvTranspose):
                geometry += (module.output_padding,)
            shape, transposed = arguments[0].shape, isinstance(module, ConvTranspose)
            layer = Layer(transposed, shape, module.features, module.kernel_size, geometry)
            found.setdefault(layer)
        return call(*arguments, **keywords)

    with nn.intercept_methods(note):
        jax.eval_shape(make_init(config), jax.random.key(0))
    return list(found)


def measure(layer: Layer, dtype: str) -> dict[str, Any]:
    """Time a layer, forward and backward, in both forms."""
    ours, plain = convolutions.strided_conv, forms.plain
    channels = (layer.shape[-1], layer.features)
    if layer.transposed:
        ours, plain = convolutions.conv_transpose, forms.plain_transpose
        channels = channels[::-1]
    x = jnp.ones(layer.shape, dtype)
    kernel = jnp.ones((layer.kernel_size, layer.kernel_size, *channels), dtype)

    def train(conv, x, kernel):
        y, vjp = jax.vjp(lambda x, kernel: conv(x, kernel, *layer.geometry), x, kernel)
        return vjp(y)

    fast = jax.jit(partial(train, ours), compiler_options=compiler_options())
    plainly = jax.jit(partial(train, plain))
    seconds = [[], []]
    repeats = [_repeats(step, x, kernel) for step in (fast, plainly)]
    for _ in range(ROUNDS):
        for times, step, count in zip(seconds, (fast, plainly), repeats, strict=True):
            times.append(_seconds(step, count, x, kernel))
    ours_seconds, plain_seconds = map(statistics.median, seconds)
    pixels = x if layer.transposed else jax.eval_shape(lambda: plain(x, kernel, *layer.geometry))
    windows = pixels.size // pixels.shape[-1]
    return {
        "layer": str(layer),
        "ours_ms": 1000 * ours_seconds,
        "plain_ms": 1000 * plain_seconds,
        "ratio": statistics.median(b / a for a, b in zip(*seconds, strict=True)),
        "gflop_per_second": 3 * 2 * windows * kernel.size / ours_seconds / 1e9,
    }


def _repeats(step: Callable[..., Any], *operands: jax.Array) -> int:
    jax.block_until_ready(step(*operands))  # compiles
    return max(1, round(ROUND_SECONDS / _seconds(step, 1, *operands)))


def _seconds(step: Callable[..., Any], count: int, *operands: jax.Array) -> float:
    start = time.perf_counter()
    for _ in range(count):
        jax.block_until_ready(step(*operands))
    return (time.perf_counter() - start) / count


def main() -> int:
    """Measure what the command line says; return the exit code."""
    own, rest = options.read(options.parser(), sys.argv[1:])
    name, arguments = command_line.parse(rest)
    layers = layers_of(arguments.config)
    width = max(len(str(layer)) for layer in layers)
    print("forward and both gradients; ratio: time of the plain form by time of ours")
    print(
        " " * width
        + "".join(f"{head:>12}" for head in ("ours, ms", "plain, ms", "ratio", "GFLOP/s"))
    )
    results = []
    for layer in layers:
        result = measure(layer, own.compute_dtype or "float32")
        numbers = [value for value in result.values() if not isinstance(value, str)]
        print(f"{layer!s:{width}}" + "".join(f"{number:12.2f}" for number in numbers), flush=True)
        results.append(result)
    options.write(own.json, {"config": name, "layers": results})
    return 0


if __name__ == "__main__":
    sys.exit(command_line.run(main))
