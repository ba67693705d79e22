"""The Inception-v3 network of FID and KID (Heusel et al. 2017, arXiv 1706.08500).

It is the network of Szegedy et al. 2016 (arXiv 1512.00567), section 6, as Google published it on
2015-12-05, with the names of its weights in PyTorch (`pytorch_fid/inception.py`). Unlike in
torchvision's network, average pools do not count the zeros of the padding, and the last block uses
max pooling.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxgan.interop.state_dict import extract
from jaxgan.networks.layers.modules import Features, NewFeatures, concat_channels

SIZE = 299  # height and width of the images
BATCH_NORM_EPSILON = 1e-3
NORM_PARTS = ("weight", "bias", "running_mean", "running_var")


class ConvLayer(NamedTuple):
    """A convolution and a ReLU, with the paddings of `nn.Conv`."""

    name: str
    features: int
    kernel_size: tuple[int, int]
    stride: int = 1
    padding: str = "SAME"


Pool = Callable[[Features], NewFeatures]
Layer = ConvLayer | Pool
# The outputs of branches are concatenated. A branch may itself contain branches.
Step = Layer | Sequence[Sequence[Layer | Sequence[Sequence[Layer]]]]

MAX_POOL = partial(nn.max_pool, window_shape=(3, 3), strides=(2, 2), padding="VALID")
SAME_MAX_POOL = partial(nn.max_pool, window_shape=(3, 3), padding="SAME")
SAME_AVERAGE_POOL = partial(
    nn.avg_pool, window_shape=(3, 3), padding="SAME", count_include_pad=False
)


def _conv(name: str, features: int, height: int, width: int | None = None) -> ConvLayer:
    return ConvLayer(name, features, (height, width or height))


def _stem(name: str, features: int, size: int, stride: int = 1) -> ConvLayer:
    return ConvLayer(name, features, (size, size), stride, "VALID")


def _block_a(name: str, pooled: int) -> Step:
    """Figure 5 of the paper, with a 5x5 convolution instead of the single 3x3 one."""
    return [
        [_conv(f"{name}.branch1x1", 64, 1)],
        [_conv(f"{name}.branch5x5_1", 48, 1), _conv(f"{name}.branch5x5_2", 64, 5)],
        [
            _conv(f"{name}.branch3x3dbl_1", 64, 1),
            _conv(f"{name}.branch3x3dbl_2", 96, 3),
            _conv(f"{name}.branch3x3dbl_3", 96, 3),
        ],
        [SAME_AVERAGE_POOL, _conv(f"{name}.branch_pool", pooled, 1)],
    ]


def _block_b(name: str) -> Step:
    """Figure 10: halves height and width."""
    return [
        [_stem(f"{name}.branch3x3", 384, 3, 2)],
        [
            _conv(f"{name}.branch3x3dbl_1", 64, 1),
            _conv(f"{name}.branch3x3dbl_2", 96, 3),
            _stem(f"{name}.branch3x3dbl_3", 96, 3, 2),
        ],
        [MAX_POOL],
    ]


def _block_c(name: str, width: int) -> Step:
    """Figure 6, with n = 7."""
    return [
        [_conv(f"{name}.branch1x1", 192, 1)],
        [
            _conv(f"{name}.branch7x7_1", width, 1),
            _conv(f"{name}.branch7x7_2", width, 1, 7),
            _conv(f"{name}.branch7x7_3", 192, 7, 1),
        ],
        [
            _conv(f"{name}.branch7x7dbl_1", width, 1),
            _conv(f"{name}.branch7x7dbl_2", width, 7, 1),
            _conv(f"{name}.branch7x7dbl_3", width, 1, 7),
            _conv(f"{name}.branch7x7dbl_4", width, 7, 1),
            _conv(f"{name}.branch7x7dbl_5", 192, 1, 7),
        ],
        [SAME_AVERAGE_POOL, _conv(f"{name}.branch_pool", 192, 1)],
    ]


def _block_d(name: str) -> Step:
    """Like figure 10, but with a 7x7 convolution, factorized into two; halves height and width."""
    return [
        [_conv(f"{name}.branch3x3_1", 192, 1), _stem(f"{name}.branch3x3_2", 320, 3, 2)],
        [
            _conv(f"{name}.branch7x7x3_1", 192, 1),
            _conv(f"{name}.branch7x7x3_2", 192, 1, 7),
            _conv(f"{name}.branch7x7x3_3", 192, 7, 1),
            _stem(f"{name}.branch7x7x3_4", 192, 3, 2),
        ],
        [MAX_POOL],
    ]


def _block_e(name: str, pool: Pool) -> Step:
    """Figure 7: 3x3 convolutions are split into two parallel ones."""

    def split(branch):
        return [[_conv(f"{branch}a", 384, 1, 3)], [_conv(f"{branch}b", 384, 3, 1)]]

    return [
        [_conv(f"{name}.branch1x1", 320, 1)],
        [_conv(f"{name}.branch3x3_1", 384, 1), split(f"{name}.branch3x3_2")],
        [
            _conv(f"{name}.branch3x3dbl_1", 448, 1),
            _conv(f"{name}.branch3x3dbl_2", 384, 3),
            split(f"{name}.branch3x3dbl_3"),
        ],
        [pool, _conv(f"{name}.branch_pool", 192, 1)],
    ]


STEPS: tuple[Step, ...] = (
    _stem("Conv2d_1a_3x3", 32, 3, 2),
    _stem("Conv2d_2a_3x3", 32, 3),
    _conv("Conv2d_2b_3x3", 64, 3),
    MAX_POOL,
    _conv("Conv2d_3b_1x1", 80, 1),
    _stem("Conv2d_4a_3x3", 192, 3),
    MAX_POOL,
    *(_block_a(f"Mixed_{name}", pooled) for name, pooled in (("5b", 32), ("5c", 64), ("5d", 64))),
    _block_b("Mixed_6a"),
    *(
        _block_c(f"Mixed_{name}", width)
        for name, width in (("6b", 128), ("6c", 160), ("6d", 160), ("6e", 192))
    ),
    _block_d("Mixed_7a"),
    _block_e("Mixed_7b", SAME_AVERAGE_POOL),
    _block_e("Mixed_7c", SAME_MAX_POOL),
)


class InceptionV3(nn.Module):
    """Inception-v3 with batch norms folded into the convolutions, see `from_torch`."""

    @nn.compact
    def __call__(
        self, images: Float[Array, "batch 299 299 3"]
    ) -> dict[int, Float[Array, "batch _"]]:
        """Return features by number of channels; `jit` does not compute unused ones.

        Args:
            images: Images in 0..255, resized by a function of `jaxgan.metrics.resizing`.

        Returns:
            The last features with each number of channels, averaged over height and width. FID and
            KID use 2048; torch-fidelity also has 64, 192 and 768.
        """
        x = (images - 128) / 128
        features = {}
        for step in STEPS:
            x = _run(x, [step])
            features[x.shape[-1]] = x.mean(axis=(1, 2))
        return features


def _run(x: Features, steps: Sequence[Step]) -> NewFeatures:
    for step in steps:
        match step:
            case ConvLayer(name, features, kernel_size, stride, padding):
                # By default, accelerators round the factors, and the metric would depend on them.
                conv = nn.Conv(
                    features,
                    kernel_size,
                    stride,
                    padding,
                    precision=jax.lax.Precision.HIGHEST,
                    name=name,
                )
                x = jax.nn.relu(conv(x))
            case [*branches]:
                x = concat_channels(*(_run(x, branch) for branch in branches))
            case pool:
                x = pool(x)
    return x


def from_torch(tensors: Mapping[str, np.ndarray]) -> dict[str, dict[str, Array]]:
    """Return the parameters of `InceptionV3` from its PyTorch state dict.

    Args:
        tensors: The tensors of `pt_inception-2015-12-05-6726825d.pth`.

    Raises:
        UserError: If a tensor is missing, unexpected or of another shape. The message names it.
    """
    images = jax.ShapeDtypeStruct((1, SIZE, SIZE, 3), jnp.float32)
    layers = jax.eval_shape(InceptionV3().init, jax.random.key(0), images)["params"]
    shapes = {}
    for name, layer in layers.items():
        height, width, channels, features = layer["kernel"].shape
        shapes[f"{name}.conv.weight"] = (features, channels, height, width)
        shapes |= {f"{name}.bn.{part}": (features,) for part in NORM_PARTS}
    taken = extract(tensors, shapes, ignored=r"fc\.(weight|bias)|.*\.num_batches_tracked")

    def fold(name):
        scale, bias, mean, variance = (taken[f"{name}.bn.{part}"] for part in NORM_PARTS)
        factor = scale / np.sqrt(variance + BATCH_NORM_EPSILON)
        kernel = taken[f"{name}.conv.weight"].transpose(2, 3, 1, 0) * factor
        return {"kernel": jnp.asarray(kernel), "bias": jnp.asarray(bias - mean * factor)}

    return {name: fold(name) for name in layers}
