"""Compares our layers with XLA's: `python benchmarks/layers.py --config configs/X.py`.

Times every convolution, transposed convolution and norm of a config's networks separately, forward
and backward, in alternation with its plain form as `jax.jit` compiles it by default. Needs no data
set. Takes its own options (--help) and the arguments of train.py; --json=FILE writes the results.
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

from jaxgan.cli import console
from jaxgan.config import Config
from jaxgan.devices.compiler import compiler_options
from jaxgan.networks.layers import convolution_forms as forms
from jaxgan.networks.layers import convolutions, norms
from jaxgan.networks.layers.modules import Conv, ConvTranspose, Norm
from jaxgan.training.program import state_shapes

ROUNDS = 7
ROUND_SECONDS = 0.1


class Layer(NamedTuple):
    """A convolution or norm of a network.

    Attributes:
        forms: Our form and the plain form.
        shapes: Shapes of the array arguments.
        settings: Other arguments.
    """

    forms: tuple[Callable[..., Any], Callable[..., Any]]
    shapes: tuple[tuple[int, ...], ...]
    settings: tuple[int, ...]


def layers_of(config: Config) -> dict[str, Layer]:
    """Return the distinct layers of a config's networks by name, in order."""
    found: dict[str, Layer] = {}

    def note(call, arguments, keywords, context):
        if isinstance(context.module, Conv | ConvTranspose | Norm):
            name, layer = _layer_of(context.module, arguments[0].shape)
            found.setdefault(name, layer)
        return call(*arguments, **keywords)

    with nn.intercept_methods(note):
        state_shapes(config)
    return found


def _layer_of(module: Conv | ConvTranspose | Norm, shape: tuple[int, ...]) -> tuple[str, Layer]:
    text, channels = "x".join(map(str, shape)), shape[-1]
    if isinstance(module, Norm):
        shapes = (shape, (channels,), (channels,))
        layer = Layer((norms.normalize, norms.plain), shapes, (module.kind == "instance",))
        return f"{module.kind} norm, {text}", layer
    size, stride, features = module.kernel_size, module.stride, module.features
    name = f"{size}x{size} stride {stride}, {text} to {features}"
    if isinstance(module, Conv):
        pair = (convolutions.strided_conv, forms.plain)
        shapes = (shape, (size, size, channels, features))
        return name, Layer(pair, shapes, (stride, module.padding))
    pair = (convolutions.conv_transpose, forms.plain_transpose)
    shapes = (shape, (size, size, features, channels))
    settings = (stride, module.padding, module.output_padding)
    return f"transposed {name}", Layer(pair, shapes, settings)


def measure(layer: Layer, dtype: str) -> dict[str, Any]:
    """Time a layer, forward and backward, in both forms."""
    ours, plain = layer.forms
    if ours is norms.normalize:
        dtype = "float32"  # independent of the networks' compute_dtype
    operands = [jnp.ones(shape, dtype) for shape in layer.shapes]

    def features(form, *operands):
        return jax.tree.leaves(form(*operands, *layer.settings))[0]

    def train(form, *operands):
        y, vjp = jax.vjp(partial(features, form), *operands)
        return vjp(y)

    fast = jax.jit(partial(train, ours), compiler_options=compiler_options())
    plainly = jax.jit(partial(train, plain))
    seconds = [[], []]
    repeats = [_repeats(step, *operands) for step in (fast, plainly)]
    for _ in range(ROUNDS):
        for times, step, count in zip(seconds, (fast, plainly), repeats, strict=True):
            times.append(_seconds(step, count, *operands))
    ours_seconds, plain_seconds = map(statistics.median, seconds)
    result = {
        "ours_ms": 1000 * ours_seconds,
        "plain_ms": 1000 * plain_seconds,
        "ratio": statistics.median(b / a for a, b in zip(*seconds, strict=True)),
    }
    if ours is not norms.normalize:
        x, kernel = operands
        y = jax.eval_shape(partial(features, ours), *operands)
        windows = min(image.size // image.shape[-1] for image in (x, y))
        result["gflop_per_second"] = 3 * 2 * windows * kernel.size / ours_seconds / 1e9
    return result


def _repeats(step: Callable[..., Any], *operands: jax.Array) -> int:
    jax.block_until_ready(step(*operands))  # compiles
    return max(1, round(ROUND_SECONDS / _seconds(step, 1, *operands)))


def _seconds(step: Callable[..., Any], count: int, *operands: jax.Array) -> float:
    start = time.perf_counter()
    for _ in range(count):
        jax.block_until_ready(step(*operands))
    return (time.perf_counter() - start) / count


def main() -> int:
    """Run the benchmark and return its exit code."""
    own, rest = options.read(options.parser(), sys.argv[1:])
    name, config = options.experiment(rest)
    layers, dtype = layers_of(config), options.compute_dtype(config)
    width = max(map(len, layers))
    print("forward and all gradients; ratio: time of the plain form by time of ours")
    heads = ("ours, ms", "plain, ms", "ratio", "GFLOP/s")
    print(" " * width + "".join(f"{head:>12}" for head in heads))
    results = []
    for layer_name, layer in layers.items():
        result = measure(layer, dtype)
        numbers = "".join(f"{number:12.2f}" for number in result.values())
        print(f"{layer_name:{width}}{numbers}", flush=True)
        results.append({"layer": layer_name} | result)
        options.write(own.json, {"config": name, "layers": results})  # now, in case it is stopped
    return 0


if __name__ == "__main__":
    sys.exit(console.run(main))
