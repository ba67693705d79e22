"""The networks of DCGAN (Radford et al. 2016, section 3 and figure 1)."""

import math
from functools import partial
from typing import Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.nn.initializers import Initializer
from jaxtyping import Array, Float

from jaxgan.networks.layers.compute import Compute, widen
from jaxgan.networks.layers.modules import (
    INITIALIZERS,
    Conv,
    ConvTranspose,
    Features,
    Norm,
    block,
    leaky_relu,
)

Latents = Float[Array, "batch latent_dim"]
DiscriminatorNormName = Literal["batch", "spectral", "none"]


class DCGANGenerator(nn.Module):
    """Generates square images from latent vectors by transposed convolutions, starting at 4x4.

    The layers are those of PyTorch's example (`examples/dcgan/main.py`), with one layer more for
    each doubling of the size and one less for each halving. If the size is not a power of two, the
    images are center crops of the next power.

    Attributes:
        size: Height and width of the images.
        output_channels: Channels of the images.
        features: Channels of the last hidden layer; earlier ones have 2, 4, then 8 times as many.
        kernel_init: Initializer of all kernels.
        compute: Compute settings; for `remat`, every layer is a block.
    """

    size: int
    output_channels: int
    features: int = 64
    kernel_init: Initializer = INITIALIZERS["normal"]
    compute: Compute = Compute()

    @nn.compact
    def __call__(
        self, latents: Latents, *, use_running_average: bool = False
    ) -> Float[Array, "batch {self.size} {self.size} {self.output_channels}"]:
        """Return images in [-1, 1].

        Args:
            latents: Latent vectors.
            use_running_average: Whether batch norm uses its running statistics.
        """
        widths = _widths(self.features, self.size)

        conv_transpose = partial(
            ConvTranspose,
            kernel_size=4,
            use_bias=False,
            kernel_init=self.kernel_init,
            compute=self.compute,
        )

        def enlarge(channels, stride, padding, x):
            x = conv_transpose(channels, stride=stride, padding=padding)(x)
            x = Norm("batch", self.compute)(x, use_running_average=use_running_average)
            return jax.nn.relu(x)

        x = enlarge(widths[-1], 1, 0, latents[:, None, None, :])
        for channels in reversed(widths[:-1]):
            x = block(self, self.compute, partial(enlarge, channels, 2, 1), x)
        output = conv_transpose(self.output_channels, stride=2, padding=1, name="output")
        start = (_power_of_two(self.size) - self.size) // 2
        kept = slice(start, start + self.size)
        return jnp.tanh(widen(output(x)[:, kept, kept]))


class DCGANDiscriminator(nn.Module):
    """Classifies square images by strided convolutions down to 4x4, and one that spans the rest.

    The features of each hidden layer are sown as `features` into the collection `intermediates`.

    Attributes:
        features: Channels of the first layer; later ones have 2, 4, then 8 times as many.
        norm: Batch norm after all convolutions except the first and the last, as in the paper; or
            spectral norm of all of them (Miyato et al. 2018), or none.
        kernel_init: Initializer of all kernels.
        compute: Compute settings; for `remat`, every layer is a block.
    """

    features: int = 64
    norm: DiscriminatorNormName = "batch"
    kernel_init: Initializer = INITIALIZERS["normal"]
    compute: Compute = Compute()

    @nn.compact
    def __call__(self, x: Features, *, use_running_average: bool = False) -> Float[Array, " batch"]:
        """Return one logit per image.

        Raises:
            ValueError: If the images are not square or are too small.
        """
        _, height, width, _ = x.shape
        if height != width or height < 8:
            raise ValueError(
                f"DCGAN needs square images of at least 8x8, not {height}x{width}: "
                "choose another size"
            )

        def conv(x, channels, stride, padding):
            layer = Conv(channels, 4, stride, padding, False, self.kernel_init, self.compute)
            if self.norm != "spectral":
                return layer(x)
            normalized = nn.SpectralNorm(layer, collection_name="batch_stats")
            return normalized(x, update_stats=not use_running_average)

        def shrink(layer, channels, x):
            x = conv(x, channels, 2, 1)
            if layer and self.norm == "batch":
                x = Norm("batch", self.compute)(x, use_running_average=use_running_average)
            return leaky_relu(x)

        missing = _power_of_two(height) - height
        sides = (missing // 2, missing - missing // 2)
        x = jnp.pad(x, ((0, 0), sides, sides, (0, 0)))
        for layer, channels in enumerate(_widths(self.features, height)):
            x = block(self, self.compute, partial(shrink, layer, channels), x)
            self.sow("intermediates", "features", x)
        return widen(conv(x, 1, 1, 0).reshape(-1))


def _power_of_two(size: int) -> int:
    return 2 ** math.ceil(math.log2(size))


def _widths(features: int, size: int) -> list[int]:
    """Return the channels of the layers between `size` and 4x4, outermost first."""
    return [features * min(2**layer, 8) for layer in range(_power_of_two(size).bit_length() - 3)]
