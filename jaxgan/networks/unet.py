"""The U-Net generator of pix2pix (Isola et al. 2017, section 3.2.1 and appendix 6.1.1)."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.nn.initializers import Initializer
from jaxtyping import Array, Float

from jaxgan.networks.layers import (
    INITIALIZERS,
    Conv,
    ConvTranspose,
    Features,
    Norm,
    NormName,
    concat_channels,
    leaky_relu,
)


class UNetGenerator(nn.Module):
    """An encoder and a decoder of `depth` levels, with a skip connection at every level.

    Layer for layer the reference's `UnetGenerator` (`models/networks.py`). It differs from the
    paper's appendix in one place: the innermost up block has no dropout.

    Attributes:
        output_channels: Channels of the images to make.
        features: Channels of the first level; deeper levels have 2, 4 and then 8 times as many.
        depth: Levels, each halving the image; 8 is U-Net-256, 7 U-Net-128, 6 U-Net-64.
        norm: Norm after all convolutions but the outermost and the innermost down one.
        dropout: Probability of dropping a feature in the middle up blocks, those between the
            innermost and the four outermost; 0 for none.
        kernel_init: Initializer of all kernels.
    """

    output_channels: int
    features: int = 64
    depth: int = 8
    norm: NormName = "batch"
    dropout: float = 0.5
    kernel_init: Initializer = INITIALIZERS["normal"]

    @property
    def multiple(self) -> int:
        """Of what height and width have to be multiples."""
        return 2**self.depth

    @property
    def smallest(self) -> int:
        """What height and width have to be at least."""
        return self.multiple

    @nn.compact
    def __call__(
        self, x: Features, *, use_running_average: bool = False, deterministic: bool = False
    ) -> Float[Array, "batch height width {self.output_channels}"]:
        """Translate images in [-1, 1].

        Args:
            x: Images whose height and width are multiples of 2**depth.
            use_running_average: Whether batch norm uses its running statistics.
            deterministic: Whether to leave dropout out; else it draws from the rng `dropout`.

        Raises:
            ValueError: If the image does not fit the depth.
        """
        _, height, width, _ = x.shape
        if height % self.multiple or width % self.multiple:
            raise ValueError(
                f"a U-Net of depth {self.depth} needs images whose height and width are multiples "
                f"of {self.multiple}, not {height}x{width}: choose another size or a smaller depth"
            )
        widths = [self.features * min(2**level, 8) for level in range(self.depth)]
        use_bias = self.norm == "instance"  # batch norm has a bias of its own

        def normalize(x):
            return Norm(self.norm)(x, use_running_average=use_running_average)

        skips = []
        for level, channels in enumerate(widths):
            if level > 0:
                skips.append(x)
                x = leaky_relu(x)
            x = Conv(channels, 4, 2, 1, use_bias=use_bias, kernel_init=self.kernel_init)(x)
            if 0 < level < self.depth - 1:
                x = normalize(x)

        for level in reversed(range(1, self.depth)):
            x = ConvTranspose(
                widths[level - 1], 4, 2, 1, use_bias=use_bias, kernel_init=self.kernel_init
            )(jax.nn.relu(x))
            x = normalize(x)
            if 4 <= level < self.depth - 1:
                x = nn.Dropout(self.dropout, deterministic=deterministic)(x)
            x = concat_channels(skips.pop(), x)
        output = ConvTranspose(
            self.output_channels, 4, 2, 1, kernel_init=self.kernel_init, name="output"
        )
        return jnp.tanh(output(jax.nn.relu(x)))
