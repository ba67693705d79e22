"""The ResNet generator of CycleGAN (Zhu et al. 2017, appendix 7.2; after Johnson et al. 2016)."""

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
    UpsampleName,
    block,
    reflect_pad,
)


class ResNetGenerator(nn.Module):
    """Two strided convolutions, residual blocks, and two up-sampling layers.

    The layers are those of the reference's `ResnetGenerator` (`models/networks.py`). The features
    of the encoder are sown as `features` into the collection `intermediates`: the padded images,
    the outputs of the strided convolutions, and those of the residual blocks.

    Attributes:
        output_channels: Channels of the output images.
        features: Channels of the first layer; the blocks have 4 times as many.
        blocks: Number of residual blocks; the paper has 9 for 256x256 and 6 for 128x128.
        norm: Norm after all convolutions except the last.
        dropout: Dropout probability in the blocks; 0 disables dropout.
        upsample: Transposed convolutions, as in the paper, or nearest-neighbor resizing followed by
            a convolution, which avoids checkerboard patterns (Odena et al. 2016).
        kernel_init: Initializer of all kernels.
        compute: Compute settings; for `remat`, the blocks are the residual blocks.
    """

    output_channels: int
    features: int = 64
    blocks: int = 9
    norm: NormName = "instance"
    dropout: float = 0.0
    upsample: UpsampleName = "transpose"
    kernel_init: Initializer = INITIALIZERS["normal"]
    compute: Compute = Compute()

    @property
    def multiple(self) -> int:
        """Height and width must be multiples of this."""
        return 4

    @property
    def smallest(self) -> int:
        """Minimum height and width, as reflection padding in the blocks needs at least 2 rows."""
        return 8

    @property
    def has_dropout(self) -> bool:
        """Whether any layer has dropout."""
        return self.dropout > 0 and self.blocks > 0

    @nn.compact
    def __call__(
        self, x: Features, *, use_running_average: bool = False, deterministic: bool = False
    ) -> Float[Array, "batch height width {self.output_channels}"]:
        """Translate images in [-1, 1].

        Args:
            x: Images whose height and width are multiples of 4, and at least 8.
            use_running_average: Whether batch norm uses its running statistics.
            deterministic: Whether to disable dropout, which otherwise uses the rng `dropout`.

        Raises:
            ValueError: If height or width is not supported.
        """
        _, height, width, _ = x.shape
        # Each edge separately: `min` cannot compare symbolic sizes.
        if any(edge % self.multiple or edge < self.smallest for edge in (height, width)):
            raise ValueError(
                "a ResNet generator needs images whose height and width are multiples of 4 and at "
                f"least 8, not {height}x{width}: choose another size"
            )
        use_bias = self.norm == "instance"  # batch norm has its own bias

        shared = {"kernel_init": self.kernel_init, "compute": self.compute}

        def sow(x):
            self.sow("intermediates", "features", x)
            return x

        def pad(x, padding):
            return reflect_pad(x, padding, self.compute)

        def normalize(x):
            return Norm(self.norm, self.compute)(x, use_running_average=use_running_average)

        def conv(x, channels, size):
            return normalize(Conv(channels, size, use_bias=use_bias, **shared)(x))

        def shrink(x, channels):
            return normalize(sow(Conv(channels, 3, 2, 1, use_bias, **shared)(x)))

        def enlarge(x, channels):
            if self.upsample == "resize":
                x = pad(x.repeat(2, axis=1).repeat(2, axis=2), 1)
                return conv(x, channels, 3)
            return normalize(ConvTranspose(channels, 3, 2, 1, 1, use_bias, **shared)(x))

        def residual(x):
            y = jax.nn.relu(conv(pad(x, 1), 4 * self.features, 3))
            y = nn.Dropout(self.dropout, deterministic=deterministic)(y)
            return x + conv(pad(y, 1), 4 * self.features, 3)

        x = jax.nn.relu(conv(sow(pad(x, 3)), self.features, 7))
        x = jax.nn.relu(shrink(x, 2 * self.features))
        x = jax.nn.relu(shrink(x, 4 * self.features))
        for _ in range(self.blocks):
            x = sow(block(self, self.compute, residual, x))
        x = jax.nn.relu(enlarge(x, 2 * self.features))
        x = jax.nn.relu(enlarge(x, self.features))
        output = Conv(self.output_channels, 7, **shared, name="output")
        return jnp.tanh(widen(output(pad(x, 3))))
