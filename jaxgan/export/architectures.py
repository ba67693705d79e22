"""The generators as ONNX graphs, layer by layer as in `jaxgan.networks`.

Each function adds a generator to a graph and returns the name of its output, whose values are in
[-1, 1]. Feature maps are NCHW. Parameters have the names that Flax numbers by kind of layer.
"""

import itertools
from collections.abc import Callable
from typing import Any

from jaxgan.export.generator import is_random
from jaxgan.export.graph import Graph
from jaxgan.networks.dcgan import DCGANGenerator
from jaxgan.networks.resnet import ResNetGenerator
from jaxgan.networks.unet import UNetGenerator
from jaxgan.types import TrainedGenerator


def add_unet(graph: Graph, x: str, generator: TrainedGenerator) -> str:
    """Add a U-Net, which translates images whose size is a multiple of `multiple`."""
    network, params, norm = generator.network, generator.params, _norms(graph, generator)
    assert isinstance(network, UNetGenerator)
    kind = "ResizeConv" if network.upsample == "resize" else "ConvTranspose"

    def enlarge(x: str, layer: dict[str, Any]) -> str:
        x = graph.add("Relu", x)
        if network.upsample == "resize":
            return graph.resize_conv(x, layer)
        return graph.conv_transpose(x, layer, stride=2, padding=1)

    skips = []
    for level in range(network.depth):
        if level > 0:
            skips.append(x)
            x = graph.leaky_relu(x)
        layer = params[f"Conv_{level}"]
        x = graph.conv(x, layer, stride=2, padding=1)
        if 0 < level < network.depth - 1:
            x = norm(x)
    for number, level in enumerate(reversed(range(1, network.depth))):
        layer = params[f"{kind}_{number}"]
        x = norm(enlarge(x, layer))
        if 4 <= level < network.depth - 1 and is_random(generator):
            x = graph.dropout(x, network.dropout)
        x = graph.add("Concat", skips.pop(), x, axis=1)
    return graph.add("Tanh", enlarge(x, params["output"]))


def add_resnet(graph: Graph, x: str, generator: TrainedGenerator) -> str:
    """Add a ResNet generator, which translates images whose size is a multiple of 4."""
    network, params, norm = generator.network, generator.params, _norms(graph, generator)
    assert isinstance(network, ResNetGenerator)
    numbers = itertools.count()

    def conv(x: str, stride: int = 1, padding: int = 0) -> str:
        layer = params[f"Conv_{next(numbers)}"]
        return norm(graph.conv(x, layer, stride, padding))

    def enlarge(x: str, number: int) -> str:
        if network.upsample == "resize":
            return conv(graph.reflect(graph.double(x), 1))
        layer = params[f"ConvTranspose_{number}"]
        x = graph.conv_transpose(x, layer, stride=2, padding=1, output_padding=1)
        return norm(x)

    def residual(x: str) -> str:
        y = graph.add("Relu", conv(graph.reflect(x, 1)))
        if is_random(generator):
            y = graph.dropout(y, network.dropout)
        return graph.add("Add", x, conv(graph.reflect(y, 1)))

    x = graph.add("Relu", conv(graph.reflect(x, 3)))
    x = graph.add("Relu", conv(x, stride=2, padding=1))
    x = graph.add("Relu", conv(x, stride=2, padding=1))
    for _ in range(network.blocks):
        x = residual(x)
    for number in range(2):
        x = graph.add("Relu", enlarge(x, number))
    return graph.add("Tanh", graph.conv(graph.reflect(x, 3), params["output"]))


def add_dcgan(graph: Graph, latents: str, generator: TrainedGenerator) -> str:
    """Add a DCGAN generator, whose images are cut out of the next power of two."""
    network, params, norm = generator.network, generator.params, _norms(graph, generator)
    assert isinstance(network, DCGANGenerator)
    x = graph.add("Unsqueeze", latents, graph.integers(2, 3))
    layers = sum(name.startswith("ConvTranspose_") for name in params)
    for number in range(layers):
        layer, (stride, padding) = params[f"ConvTranspose_{number}"], (2, 1) if number else (1, 0)
        x = graph.conv_transpose(x, layer, stride, padding)
        x = graph.add("Relu", norm(x))
    x = graph.conv_transpose(x, params["output"], stride=2, padding=1)
    if (excess := 4 * 2**layers - network.size) > 0:
        start = excess // 2
        end = start + network.size
        bounds = graph.integers(start, start), graph.integers(end, end), graph.integers(2, 3)
        x = graph.add("Slice", x, *bounds)
    return graph.add("Tanh", x)


def _norms(graph: Graph, generator: TrainedGenerator) -> Callable[[str], str]:
    """Return a function that adds the next norm."""
    numbers = itertools.count()

    def norm(x: str) -> str:
        name = f"Norm_{next(numbers)}"
        running = generator.batch_stats[name] if generator.use_running_average else None
        return graph.norm(x, generator.params.get(name), running)

    return norm
