"""The discriminators of pix2pix and CycleGAN (Isola et al. 2017, section 3.2.2, appendix 6.1.2)."""

from collections.abc import Callable
from functools import partial

import flax.linen as nn
from jax.nn.initializers import Initializer
from jaxtyping import Array, Float

from jaxgan.networks.layers.compute import Compute, widen
from jaxgan.networks.layers.modules import (
    INITIALIZERS,
    Conv,
    DiscriminatorNormName,
    Features,
    NewFeatures,
    Norm,
    block,
    leaky_relu,
)


def discriminator(
    *,
    features: int,
    layers: int,
    norm: DiscriminatorNormName,
    kernel_init: Initializer,
    compute: Compute,
) -> nn.Module:
    """Return a PatchGAN with `layers` strided layers, or a PixelGAN for 0."""
    if layers == 0:
        return PixelGAN(features, norm, kernel_init, compute)
    return PatchGAN(features, layers, norm, kernel_init, compute)


class PatchGAN(nn.Module):
    """Classifies overlapping patches, with one logit per patch.

    The reference's `NLayerDiscriminator` (`models/networks.py`). The features of each hidden layer
    are sown as `features` into the collection `intermediates`.

    Attributes:
        features: Channels of the first layer; later ones have 2, 4, then 8 times as many.
        layers: Number of strided layers: 3 for patches of 70x70 pixels, 1 for 16x16, 5 for 286x286.
        norm: Norm after all convolutions except the first and the last; or spectral norm of all of
            them (Miyato et al. 2018), or none.
        kernel_init: Initializer of all kernels.
        compute: Compute settings; for `remat`, every layer is a block.
    """

    features: int = 64
    layers: int = 3
    norm: DiscriminatorNormName = "batch"
    kernel_init: Initializer = INITIALIZERS["normal"]
    compute: Compute = Compute()

    @nn.compact
    def __call__(
        self, x: Features, *, use_running_average: bool = False
    ) -> Float[Array, "batch rows columns 1"]:
        """Return a map of logits with one channel.

        Raises:
            ValueError: If the images are too small for one output.
        """
        smallest = 3 * 2**self.layers  # the last two convolutions then leave one output
        if min(x.shape[1:3]) < smallest:
            raise ValueError(
                f"a PatchGAN of {self.layers} layers needs images of at least "
                f"{smallest}x{smallest}, not {x.shape[1]}x{x.shape[2]}: "
                "choose larger images or fewer discriminator layers"
            )
        shared = {"kernel_init": self.kernel_init, "compute": self.compute}
        conv = partial(Conv, kernel_size=4, padding=1, **shared)
        apply, normalize = _normalizers(self.norm, self.compute, use_running_average)
        use_bias = self.norm != "batch"  # batch norm has its own bias

        def judge(layer, x):
            channels = self.features * min(2**layer, 8)
            stride = 2 if layer < self.layers else 1
            x = apply(conv(channels, stride=stride, use_bias=use_bias or layer == 0), x)
            return leaky_relu(normalize(x) if layer else x)

        for layer in range(self.layers + 1):
            x = block(self, self.compute, partial(judge, layer), x)
            self.sow("intermediates", "features", x)
        return widen(apply(conv(1), x))


class PixelGAN(nn.Module):
    """Classifies every pixel separately, the 1x1 case of PatchGAN.

    The reference's `PixelDiscriminator` (`models/networks.py`); attributes as in `PatchGAN`.
    """

    features: int = 64
    norm: DiscriminatorNormName = "batch"
    kernel_init: Initializer = INITIALIZERS["normal"]
    compute: Compute = Compute()

    @nn.compact
    def __call__(
        self, x: Features, *, use_running_average: bool = False
    ) -> Float[Array, "batch height width 1"]:
        """Return a map of logits with one channel and the size of the image."""
        conv = partial(Conv, kernel_size=1, kernel_init=self.kernel_init, compute=self.compute)
        apply, normalize = _normalizers(self.norm, self.compute, use_running_average)
        use_bias = self.norm != "batch"  # batch norm has its own bias

        def widened(x):
            return leaky_relu(normalize(apply(conv(self.features * 2, use_bias=use_bias), x)))

        x = leaky_relu(apply(conv(self.features), x))
        self.sow("intermediates", "features", x)
        x = block(self, self.compute, widened, x)
        self.sow("intermediates", "features", x)
        return widen(apply(conv(1, use_bias=use_bias), x))


def _normalizers(
    norm: DiscriminatorNormName, compute: Compute, use_running_average: bool
) -> tuple[Callable[[Conv, Features], NewFeatures], Callable[[Features], Features]]:
    """Return functions that apply a convolution, and that normalize features."""

    def apply(conv, x):
        if norm != "spectral":
            return conv(x)
        normalized = nn.SpectralNorm(conv, collection_name="batch_stats")
        return normalized(x, update_stats=not use_running_average)

    def normalize(x):
        if norm not in ("batch", "instance"):
            return x
        return Norm(norm, compute)(x, use_running_average=use_running_average)

    return apply, normalize
