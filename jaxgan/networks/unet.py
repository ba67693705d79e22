"""The U-Net generator of pix2pix (Isola et al. 2017, section 3.2.1 and appendix 6.1.1)."""

import math
from functools import partial

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
    NormName,
    ResizeConv,
    UpsampleName,
    block,
    concat_channels,
    leaky_relu,
)

DEEPEST = 8  # levels of the paper's U-Net, for 256x256


def choose_depth(height: int, width: int) -> int:
    """Return the largest depth of a U-Net for images of this size, at most the paper's 8.

    Raises:
        ValueError: If height and width are not multiples of 4.
    """
    both = math.gcd(height, width)
    depth = min((both & -both).bit_length() - 1, DEEPEST)  # how often both can be halved
    if depth < 2:
        raise ValueError(
            f"a U-Net halves its images at least twice, which {height}x{width} does not "
            "allow: choose a --config.data.crop_size that is a multiple of 256, or at least of 4"
        )
    return depth


class UNetGenerator(nn.Module):
    """An encoder and a decoder of `depth` levels, with a skip connection at every level.

    The layers are those of the reference's `UnetGenerator` (`models/networks.py`). They differ from
    the paper's appendix in one place: the innermost up block has no dropout.

    Attributes:
        output_channels: Channels of the output images.
        features: Channels of the first level; deeper levels have 2, 4 and then 8 times as many.
        depth: Number of levels, each of which halves the image: 8 for U-Net-256, 7 for U-Net-128, 6
            for U-Net-64.
        norm: Norm after all convolutions except the outermost ones and the innermost down one.
        dropout: Dropout probability in the middle up blocks, those between the innermost and the
            four outermost; 0 disables dropout.
        upsample: Transposed convolutions, as in the paper, or nearest-neighbor resizing followed by
            a 3x3 convolution, which avoids checkerboard patterns (Odena et al. 2016).
        kernel_init: Initializer of all kernels.
        compute: Compute settings; for `remat`, the blocks are the layers of a level.
    """

    output_channels: int
    features: int = 64
    depth: int = 8
    norm: NormName = "batch"
    dropout: float = 0.5
    upsample: UpsampleName = "transpose"
    kernel_init: Initializer = INITIALIZERS["normal"]
    compute: Compute = Compute()

    @property
    def multiple(self) -> int:
        """Height and width must be multiples of this."""
        return 2**self.depth

    @property
    def smallest(self) -> int:
        """Minimum height and width."""
        return self.multiple

    @property
    def has_dropout(self) -> bool:
        """Whether any layer has dropout. U-Nets of up to 5 levels have no middle up block."""
        return self.dropout > 0 and self.depth > 5

    @nn.compact
    def __call__(
        self, x: Features, *, use_running_average: bool = False, deterministic: bool = False
    ) -> Float[Array, "batch height width {self.output_channels}"]:
        """Translate images in [-1, 1].

        Args:
            x: Images whose height and width are multiples of 2**depth.
            use_running_average: Whether batch norm uses its running statistics.
            deterministic: Whether to disable dropout, which otherwise uses the rng `dropout`.

        Raises:
            ValueError: If height or width is not such a multiple.
        """
        _, height, width, _ = x.shape
        if height % self.multiple or width % self.multiple:
            raise ValueError(
                f"a U-Net of depth {self.depth} needs images whose height and width are multiples "
                f"of {self.multiple}, not {height}x{width}: choose another size, or "
                f"--config.method.depth={choose_depth(height, width)}"
            )
        widths = [self.features * min(2**level, 8) for level in range(self.depth)]
        use_bias = self.norm == "instance"  # batch norm has its own bias

        shared = {"kernel_init": self.kernel_init, "compute": self.compute}
        halving = {"kernel_size": 4, "stride": 2, "padding": 1}
        conv = partial(Conv, **halving, **shared)
        enlarge = (
            partial(ResizeConv, **shared)
            if self.upsample == "resize"
            else partial(ConvTranspose, **halving, **shared)
        )

        def normalize(x):
            return Norm(self.norm, self.compute)(x, use_running_average=use_running_average)

        def down(level, x):
            x = conv(widths[level], use_bias=use_bias)(leaky_relu(x) if level else x)
            return normalize(x) if 0 < level < self.depth - 1 else x

        def up(level, x):
            x = normalize(enlarge(widths[level - 1], use_bias=use_bias)(jax.nn.relu(x)))
            if 4 <= level < self.depth - 1:
                x = nn.Dropout(self.dropout, deterministic=deterministic)(x)
            return x

        skips = []
        for level in range(self.depth):
            if level > 0:
                skips.append(x)
            x = block(self, self.compute, partial(down, level), x)
        for level in reversed(range(1, self.depth)):
            x = concat_channels(skips.pop(), block(self, self.compute, partial(up, level), x))
        x = enlarge(self.output_channels, name="output")(jax.nn.relu(x))
        return jnp.tanh(widen(x))
