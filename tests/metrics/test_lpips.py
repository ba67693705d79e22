"""The same distances as PyTorch's, from drawn weights (`reference/lpips.py`)."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawn_weights import draw
from paths import REFERENCE

from jaxgan.errors import UserError
from jaxgan.metrics import lpips
from jaxgan.metrics.lpips import from_torch

NUMBERS = np.load(REFERENCE / "lpips.npz")
X, Y = (jnp.asarray(NUMBERS[name] / 127.5 - 1, jnp.float32) for name in ("x_u8", "y_u8"))
# Of torchvision's alexnet(), by the places of convolutions in its `features`.
KERNELS = {
    0: (64, 3, 11, 11),
    3: (192, 64, 5, 5),
    6: (384, 192, 3, 3),
    8: (256, 384, 3, 3),
    10: (256, 256, 3, 3),
}
ALEXNET = {
    f"features.{place}.{part}": draw(f"features.{place}.{part}", shape)
    for place, kernel in KERNELS.items()
    for part, shape in (("weight", kernel), ("bias", kernel[:1]))
}
NAMES = {f"lin{index}.model.1.weight": kernel[0] for index, kernel in enumerate(KERNELS.values())}
HEADS = {name: np.abs(draw(name, (1, width, 1, 1))) for name, width in NAMES.items()}
distance = jax.jit(lpips.distance)


@pytest.fixture(scope="module")
def params():
    classifier = {"classifier.6.bias": np.zeros(1000, np.float32)}
    return from_torch(ALEXNET | classifier, HEADS)


def test_distances_are_those_of_pytorch(params):
    np.testing.assert_allclose(distance(params, X, Y), NUMBERS["distance"], rtol=1e-5)


def test_the_smallest_images(params):
    x, y = X[:, :31, :31], Y[:, :31, :31]
    np.testing.assert_allclose(distance(params, x, y), NUMBERS["distance_31x31"], rtol=1e-5)
    with pytest.raises(UserError, match="at least 31x31, not 30x31"):
        distance(params, x[:, 1:], y[:, 1:])


def test_gray_images_are_three_equal_channels(params):
    x, y = X[..., :1], Y[..., :1]
    expected = distance(params, jnp.repeat(x, 3, -1), jnp.repeat(y, 3, -1))
    np.testing.assert_allclose(distance(params, x, y), expected, rtol=1e-6)
    np.testing.assert_allclose(distance(params, x, x), 0, atol=1e-12)


def test_weights_of_another_network_are_refused():
    with pytest.raises(UserError, match=r"the tensor features\.0\.weight is missing"):
        from_torch(HEADS, HEADS)
    widened = ALEXNET | {"features.0.weight": np.zeros((64, 3, 7, 7), np.float32)}
    with pytest.raises(UserError, match=r"the shape \(64, 3, 7, 7\), not \(64, 3, 11, 11\)"):
        from_torch(widened, HEADS)
    squeezed = HEADS | {"lin5.model.1.weight": np.zeros((1, 512, 1, 1), np.float32)}
    with pytest.raises(UserError, match=r"the tensor lin5\.model\.1\.weight is left over"):
        from_torch(ALEXNET, squeezed)
