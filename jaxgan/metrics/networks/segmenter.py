"""A narrow U-Net for semantic segmentation (Ronneberger et al. 2015, arXiv 1505.04597)."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgan.networks.layers.modules import (
    INITIALIZERS,
    Conv,
    Features,
    NewFeatures,
    Norm,
    concat_channels,
)


class SegmentationUNet(nn.Module):
    """A U-Net with one 3x3 convolution per level on the way down and one on the way up.

    Levels are connected by max pooling and nearest-neighbor upsampling. The network of the paper
    has two convolutions each way, many more features and no batch norm.

    Attributes:
        classes: Number of classes.
        widths: Features of each level; the size halves from level to level.
    """

    classes: int
    widths: tuple[int, ...] = (16, 32, 32, 32, 32)

    @property
    def multiple(self) -> int:
        """Number that must divide height and width."""
        return 2 ** (len(self.widths) - 1)

    @nn.compact
    def __call__(
        self, x: Features, *, use_running_average: bool = False
    ) -> Float[Array, "batch height width {self.classes}"]:
        """Return logits for photos in [-1, 1].

        Args:
            x: Photos whose height and width are multiples of `multiple`.
            use_running_average: Whether batch norm uses its running statistics.
        """
        kernel_init = INITIALIZERS["kaiming"]

        def block(x, width):
            x = Conv(width, 3, 1, 1, use_bias=False, kernel_init=kernel_init)(x)
            return jax.nn.relu(Norm("batch")(x, use_running_average=use_running_average))

        skips = []
        for width in self.widths:
            # The gradient of `max` along axes is NaN if XLA rounds a recomputed x differently.
            x = block(nn.max_pool(x, (2, 2), (2, 2)) if skips else x, width)
            skips.append(x)
        for width, skip in zip(self.widths[-2::-1], skips[-2::-1], strict=True):
            x = Conv(width, 1, use_bias=False, kernel_init=kernel_init)(x)
            x = block(concat_channels(_double(x), skip), width)
        return Conv(self.classes, 1, kernel_init=kernel_init)(x)


def _double(x: Features) -> NewFeatures:
    return jnp.repeat(jnp.repeat(x, 2, axis=1), 2, axis=2)
