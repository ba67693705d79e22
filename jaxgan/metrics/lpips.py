"""LPIPS, a perceptual distance between two images (Zhang et al. 2018, arXiv 1801.03924).

Version 0.1 with AlexNet, as in the authors' `lpips/lpips.py`.
"""

from collections.abc import Mapping

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxgan.errors import UserError
from jaxgan.interop.state_dict import extract
from jaxgan.networks.layers.modules import Conv, Features, NewFeatures
from jaxgan.types import PyTree

# By name in torchvision: channels in and out, kernel size, stride, padding (Krizhevsky 2014, arXiv
# 1404.5997). A max pool precedes those in `POOLED`.
CONVS = {
    "features.0": (3, 64, 11, 4, 2),
    "features.3": (64, 192, 5, 1, 2),
    "features.6": (192, 384, 3, 1, 1),
    "features.8": (384, 256, 3, 1, 1),
    "features.10": (256, 256, 3, 1, 1),
}
POOLED = ("features.3", "features.6")
SMALLEST = 31  # for smaller images, the output of the second pool is empty

# Mean and standard deviation of ImageNet, rescaled from [0, 1] to [-1, 1].
SHIFT = (-0.030, -0.088, -0.188)
SCALE = (0.458, 0.448, 0.450)
LPIPS_EPSILON = 1e-10  # keeps directions finite where all features are zero


class AlexNetFeatures(nn.Module):
    """The convolutions of AlexNet."""

    @nn.compact
    def __call__(self, x: Features) -> list[NewFeatures]:
        """Return the output of every convolution after its ReLU."""
        layers = []
        for name, (_, features, size, stride, padding) in CONVS.items():
            if name in POOLED:
                x = nn.max_pool(x, (3, 3), (2, 2))
            x = jax.nn.relu(Conv(features, size, stride, padding, name=name)(x))
            layers.append(x)
        return layers


def from_torch(alexnet: Mapping[str, np.ndarray], heads: Mapping[str, np.ndarray]) -> PyTree:
    """Return the parameters of `distance`.

    Args:
        alexnet: The tensors of torchvision's `alexnet-owt-7be5be79.pth`.
        heads: The tensors of `lpips/weights/v0.1/alex.pth`, one weight per channel.

    Raises:
        UserError: If a tensor is missing, unexpected or of another shape. The message names it.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    for name, (channels, features, size, _, _) in CONVS.items():
        shapes |= {f"{name}.weight": (features, channels, size, size), f"{name}.bias": (features,)}
    head_shapes = {
        f"lin{index}.model.1.weight": (1, features, 1, 1)
        for index, (_, features, *_) in enumerate(CONVS.values())
    }
    taken = extract(alexnet, shapes, ignored=r"classifier\..*")
    convs = {
        name: {
            "kernel": jnp.asarray(taken[f"{name}.weight"].transpose(2, 3, 1, 0)),
            "bias": jnp.asarray(taken[f"{name}.bias"]),
        }
        for name in CONVS
    }
    weights = extract(heads, head_shapes, ignored="")
    return {"alexnet": convs, "heads": [jnp.asarray(w).reshape(-1) for w in weights.values()]}


def distance(
    params: PyTree, x: Float[Array, "batch height width _"], y: Float[Array, "batch height width _"]
) -> Float[Array, " batch"]:
    """Return the distance between corresponding images of two batches (equation 1 of the paper).

    Args:
        params: Parameters, from `from_torch`.
        x: Images in [-1, 1]; gray images are treated as RGB.
        y: Images in [-1, 1].

    Raises:
        UserError: If the images are too small, or have other numbers of channels.
    """
    height, width, channels = x.shape[1:]
    if channels not in (1, 3):
        raise UserError(
            f"LPIPS supports gray and RGB images, not {channels} channels: leave it out"
        )
    if min(height, width) < SMALLEST:
        raise UserError(
            f"LPIPS needs images of at least {SMALLEST}x{SMALLEST}, not {height}x{width}: "
            "leave it out"
        )

    def directions(images):
        shift, scale = (jnp.array(values).reshape(1, 1, 1, 3) for values in (SHIFT, SCALE))
        layers = AlexNetFeatures().apply({"params": params["alexnet"]}, (images - shift) / scale)
        return [z / (jnp.linalg.norm(z, axis=-1, keepdims=True) + LPIPS_EPSILON) for z in layers]

    # By default, accelerators round the factors, and the metric would depend on the device.
    with jax.default_matmul_precision("highest"):
        pairs = zip(directions(x), directions(y), params["heads"], strict=True)
        terms = [jnp.mean(jnp.square(a - b) @ head, axis=(1, 2)) for a, b, head in pairs]
    return jnp.stack(terms).sum(axis=0)
