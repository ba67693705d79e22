"""Maps the weights of our networks to their names in the PyTorch references."""

from collections.abc import Iterator

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.errors import UserError
from jaxgan.interop.torch_file import Tensors
from jaxgan.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from jaxgan.networks.patchgan import PatchGAN, PixelGAN
from jaxgan.networks.resnet import ResNetGenerator
from jaxgan.networks.unet import UNetGenerator
from jaxgan.types import PyTree

# Layouts of kernels. Ours: (height, width, input, output) for convolutions, (height, width, output,
# input) for transposed ones. PyTorch's: (output, input, height, width) and (input, output, height,
# width).
FROM_TORCH = (2, 3, 1, 0)
TO_TORCH = (3, 2, 0, 1)
STATISTICS = {"mean": "running_mean", "var": "running_var"}


def from_torch(
    network: nn.Module, params: PyTree, batch_stats: PyTree, tensors: Tensors
) -> tuple[PyTree, PyTree]:
    """Return a network's parameters and running statistics from a state dict.

    Args:
        network: The network.
        params: Its parameters, or their shapes.
        batch_stats: Its running statistics, or their shapes.
        tensors: The state dict. Statistics of instance norms, which old files contain, are ignored.

    Raises:
        UserError: If a tensor is missing, unexpected or of another shape. The message names it.
    """
    unused = {name: value for name, value in tensors.items() if not _is_ignored(name, batch_stats)}

    def take(name, leaf, axes=None):
        if name not in unused:
            raise UserError(f"the tensor {name} is missing")
        value = np.asarray(unused.pop(name), np.float32)
        if axes and value.ndim == len(axes):
            value = value.transpose(axes)
        if value.shape != leaf.shape:
            raise UserError(
                f"the tensor {name} has the shape {tuple(tensors[name].shape)}, which does not fit "
                f"{leaf.shape} here: choose the architecture that it comes from"
            )
        return jnp.asarray(value)

    new_params, new_stats = {}, {}
    for ours, theirs in _layers(network, params):
        if ours not in params:  # an instance norm
            continue
        weight = "kernel" if "kernel" in params[ours] else "scale"
        new_params[ours] = {
            name: take(f"{theirs}.weight", leaf, FROM_TORCH)
            if name == weight
            else take(f"{theirs}.{name}", leaf)
            for name, leaf in params[ours].items()
        }
        if ours in batch_stats:
            new_stats[ours] = {
                name: take(f"{theirs}.{STATISTICS[name]}", leaf)
                for name, leaf in batch_stats[ours].items()
            }
    if unused:
        raise UserError(f"the tensor {next(iter(unused))} is not part of {type(network).__name__}")
    return new_params, new_stats


def to_torch(network: nn.Module, params: PyTree, batch_stats: PyTree, step: int) -> Tensors:
    """Return a network's state dict.

    Args:
        network: The network.
        params: Its parameters.
        batch_stats: Its running statistics.
        step: Steps taken, stored as `num_batches_tracked` of batch norms.

    Raises:
        UserError: If the references have no such network.
    """
    params, batch_stats = jax.device_get((params, batch_stats))
    tensors: Tensors = {}
    for ours, theirs in _layers(network, params):
        layer = params.get(ours, {})
        if "kernel" in layer:
            tensors[f"{theirs}.weight"] = layer["kernel"].transpose(TO_TORCH)
        if "scale" in layer:
            tensors[f"{theirs}.weight"] = layer["scale"]
        if "bias" in layer:
            tensors[f"{theirs}.bias"] = layer["bias"]
        for name, value in batch_stats.get(ours, {}).items():
            tensors[f"{theirs}.{STATISTICS[name]}"] = value
        if ours in batch_stats:
            tensors[f"{theirs}.num_batches_tracked"] = np.array(step, np.int64)
    return tensors


def _is_ignored(name: str, batch_stats: PyTree) -> bool:
    _, _, kind = name.rpartition(".")
    return kind == "num_batches_tracked" or (not batch_stats and kind in STATISTICS.values())


def _layers(network: nn.Module, params: PyTree) -> Iterator[tuple[str, str]]:
    """Yield our name and PyTorch's name of each layer that may have parameters, in order."""
    convs = sum(name.startswith("Conv_") for name in params)
    match network:
        case ResNetGenerator(upsample="transpose"):
            yield from _resnet(network.blocks, second=6 if network.dropout else 5)
        case UNetGenerator(upsample="transpose"):
            yield from _unet(network.depth)
        case PatchGAN(norm="batch" | "instance"):
            yield from _strided("model", convs)
        case PixelGAN(norm="batch" | "instance"):
            yield from (("Conv_0", "net.0"), ("Conv_1", "net.2"))
            yield from (("Norm_0", "net.3"), ("Conv_2", "net.5"))
        case DCGANGenerator():
            count = sum(name.startswith("ConvTranspose_") for name in params)
            for layer in range(count):
                yield f"ConvTranspose_{layer}", f"main.{3 * layer}"
                yield f"Norm_{layer}", f"main.{3 * layer + 1}"
            yield "output", f"main.{3 * count}"
        case DCGANDiscriminator(norm="batch"):
            yield from _strided("main", convs)
        case _:
            kind = type(network).__name__
            raise UserError(f"the PyTorch references have no {kind} with these settings")


def _strided(prefix: str, convs: int) -> Iterator[tuple[str, str]]:
    """Yield names for a convolution, convolutions with norms, and a last convolution.

    PyTorch's indices also count activations.
    """
    yield "Conv_0", f"{prefix}.0"
    for layer in range(1, convs - 1):
        yield f"Conv_{layer}", f"{prefix}.{3 * layer - 1}"
        yield f"Norm_{layer - 1}", f"{prefix}.{3 * layer}"
    yield f"Conv_{convs - 1}", f"{prefix}.{3 * (convs - 1) - 1}"


def _resnet(blocks: int, second: int) -> Iterator[tuple[str, str]]:
    """Yield names for `ResnetGenerator`; dropout shifts the second convolution of a block."""
    for layer in range(3):
        yield f"Conv_{layer}", f"model.{3 * layer + 1}"
        yield f"Norm_{layer}", f"model.{3 * layer + 2}"
    for block in range(blocks):
        for layer, place in ((3 + 2 * block, 1), (4 + 2 * block, second)):
            yield f"Conv_{layer}", f"model.{10 + block}.conv_block.{place}"
            yield f"Norm_{layer}", f"model.{10 + block}.conv_block.{place + 1}"
    for layer in range(2):
        place = 10 + blocks + 3 * layer
        yield f"ConvTranspose_{layer}", f"model.{place}"
        yield f"Norm_{3 + 2 * blocks + layer}", f"model.{place + 1}"
    yield "output", f"model.{17 + blocks}"


def _unet(depth: int) -> Iterator[tuple[str, str]]:
    """Yield names for `UnetGenerator`, whose blocks are nested."""
    blocks = ["model.model", *("model.model.1.model" + ".3.model" * n for n in range(depth - 1))]
    yield "Conv_0", f"{blocks[0]}.0"
    for level in range(1, depth):
        yield f"Conv_{level}", f"{blocks[level]}.1"
        if level < depth - 1:
            yield f"Norm_{level - 1}", f"{blocks[level]}.2"
    for up, level in enumerate(reversed(range(1, depth))):
        place = 3 if level == depth - 1 else 5
        yield f"ConvTranspose_{up}", f"{blocks[level]}.{place}"
        yield f"Norm_{depth - 2 + up}", f"{blocks[level]}.{place + 1}"
    yield "output", f"{blocks[0]}.3"
