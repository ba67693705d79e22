"""Our networks in PyTorch, for `pytorch.py`, written from the papers.

Layers are named as in the references, so that `jaxgan.interop` can convert the weights. Needs only
PyTorch, because the interpreter may lack JAX.
"""
# pyright: reportMissingImports=false

import itertools
import math

import torch
from torch import nn
from torch.nn import functional


class Chain(nn.Module):
    """A sequence of layers."""

    def __init__(self, *layers):
        super().__init__()
        self.model = nn.Sequential(*layers)

    def forward(self, x):
        """Apply the layers."""
        return self.model(x)


class Skip(Chain):
    """A sequence of layers whose input is concatenated with their output.

    The first layer may change its input in place: the leaky ReLU scales only negative values, which
    the next ReLU sets to zero.
    """

    def forward(self, x):
        """Apply the layers."""
        return torch.cat([x, self.model(x)], 1)


class ResidualBlock(nn.Module):
    """Two convolutions, added to their input."""

    def __init__(self, channels, norm, dropout):
        super().__init__()
        conv = (nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3, bias=norm == "instance"))
        first = (*conv, make_norm(norm, channels), nn.ReLU(True))
        middle = (nn.Dropout(dropout),) if dropout else ()
        conv = (nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3, bias=norm == "instance"))
        self.conv_block = nn.Sequential(*first, *middle, *conv, make_norm(norm, channels))

    def forward(self, x):
        """Apply the block."""
        return x + self.conv_block(x)


def make_norm(kind, channels):
    """Return a batch norm, or an instance norm without affine parameters."""
    return nn.BatchNorm2d(channels) if kind == "batch" else nn.InstanceNorm2d(channels)


def resnet_generator(inputs, outputs, *, features, blocks, norm, dropout):
    """Return the generator of CycleGAN (Zhu et al. 2017, appendix 7.2)."""
    bias = norm == "instance"
    layers = [nn.ReflectionPad2d(3), nn.Conv2d(inputs, features, 7, bias=bias)]
    layers += [make_norm(norm, features), nn.ReLU(True)]
    for width in (2 * features, 4 * features):
        layers += [nn.Conv2d(width // 2, width, 3, 2, 1, bias=bias)]
        layers += [make_norm(norm, width), nn.ReLU(True)]
    layers += [ResidualBlock(4 * features, norm, dropout) for _ in range(blocks)]
    for width in (2 * features, features):
        layers += [nn.ConvTranspose2d(2 * width, width, 3, 2, 1, output_padding=1, bias=bias)]
        layers += [make_norm(norm, width), nn.ReLU(True)]
    return Chain(*layers, nn.ReflectionPad2d(3), nn.Conv2d(features, outputs, 7), nn.Tanh())


def unet_generator(inputs, outputs, *, features, depth, norm, dropout):
    """Return the generator of pix2pix (Isola et al. 2017, appendix 6.1.1), as in the reference."""
    bias = norm == "instance"
    widths = [features * min(2**level, 8) for level in range(depth)]
    inner = []
    for level in reversed(range(1, depth)):
        outer, width = widths[level - 1], widths[level]
        layers = [nn.LeakyReLU(0.2, True), nn.Conv2d(outer, width, 4, 2, 1, bias=bias)]
        if inner:
            layers += [make_norm(norm, width), *inner]
        up = 2 * width if inner else width
        layers += [nn.ReLU(True), nn.ConvTranspose2d(up, outer, 4, 2, 1, bias=bias)]
        layers += [make_norm(norm, outer)]
        if dropout and 4 <= level < depth - 1:
            layers += [nn.Dropout(dropout)]
        inner = [Skip(*layers)]
    down = nn.Conv2d(inputs, features, 4, 2, 1, bias=bias)
    up = nn.ConvTranspose2d(2 * features, outputs, 4, 2, 1)
    network = Chain()  # one more level, for the names of the reference
    network.add_module("model", Chain(down, *inner, nn.ReLU(True), up, nn.Tanh()))
    return network


class PixelGAN(nn.Module):
    """The discriminator of single pixels (Isola et al. 2017, appendix 6.1.2)."""

    def __init__(self, inputs, features, norm):
        super().__init__()
        bias = norm == "instance"
        layers = [nn.Conv2d(inputs, features, 1), nn.LeakyReLU(0.2, True)]
        layers += [nn.Conv2d(features, 2 * features, 1, bias=bias)]
        layers += [make_norm(norm, 2 * features), nn.LeakyReLU(0.2, True)]
        self.net = nn.Sequential(*layers, nn.Conv2d(2 * features, 1, 1, bias=bias))

    def forward(self, x):
        """Return a logit for every pixel."""
        return self.net(x)


def patch_discriminator(inputs, *, features, layers, norm):
    """Return a PatchGAN (Isola et al. 2017, appendix 6.1.2), or a PixelGAN for 0 layers."""
    if layers == 0:
        return PixelGAN(inputs, features, norm)
    widths = [features * min(2**layer, 8) for layer in range(layers + 1)]
    stack = [nn.Conv2d(inputs, features, 4, 2, 1), nn.LeakyReLU(0.2, True)]
    for layer in range(1, layers + 1):
        outer, width, stride = widths[layer - 1], widths[layer], 2 if layer < layers else 1
        stack += [nn.Conv2d(outer, width, 4, stride, 1, bias=norm == "instance")]
        stack += [make_norm(norm, width), nn.LeakyReLU(0.2, True)]
    return Chain(*stack, nn.Conv2d(widths[-1], 1, 4, 1, 1))


class DCGANGenerator(nn.Module):
    """The generator of DCGAN (Radford et al. 2016, figure 1)."""

    def __init__(self, size, latent_dim, outputs, *, features):
        super().__init__()
        self.size = size
        widths = _widths(features, size)
        layers = [nn.ConvTranspose2d(latent_dim, widths[-1], 4, 1, 0, bias=False)]
        layers += [nn.BatchNorm2d(widths[-1]), nn.ReLU(True)]
        for width, outer in itertools.pairwise(reversed(widths)):
            layers += [nn.ConvTranspose2d(width, outer, 4, 2, 1, bias=False)]
            layers += [nn.BatchNorm2d(outer), nn.ReLU(True)]
        output = nn.ConvTranspose2d(features, outputs, 4, 2, 1, bias=False)
        self.main = nn.Sequential(*layers, output, nn.Tanh())

    def forward(self, latents):
        """Return images for latent vectors, cropped from the next power of two."""
        start = (_power_of_two(self.size) - self.size) // 2
        kept = slice(start, start + self.size)
        return self.main(latents[:, :, None, None])[:, :, kept, kept]


class DCGANDiscriminator(nn.Module):
    """The discriminator of DCGAN (Radford et al. 2016, section 3)."""

    def __init__(self, size, inputs, *, features):
        super().__init__()
        missing = _power_of_two(size) - size
        self.padding = 2 * (missing // 2, missing - missing // 2)
        widths = _widths(features, size)
        layers = [nn.Conv2d(inputs, features, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, True)]
        for outer, width in itertools.pairwise(widths):
            layers += [nn.Conv2d(outer, width, 4, 2, 1, bias=False)]
            layers += [nn.BatchNorm2d(width), nn.LeakyReLU(0.2, True)]
        self.main = nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 4, 1, 0, bias=False))

    def forward(self, x):
        """Return a logit for every image, padded to the next power of two."""
        x = functional.pad(x, self.padding) if any(self.padding) else x
        return self.main(x).flatten()


def _power_of_two(size):
    return 2 ** math.ceil(math.log2(size))


def _widths(features, size):
    return [features * min(2**layer, 8) for layer in range(_power_of_two(size).bit_length() - 3)]
