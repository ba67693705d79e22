"""The same features as the original network's, from drawn weights.

`reference/README.md` says where the numbers come from.
"""

import re

import jax
import numpy as np
import pytest
from drawn_weights import draw
from paths import REFERENCE

from jaxgan.errors import UserError
from jaxgan.metrics.networks.inception import InceptionV3, from_torch
from jaxgan.metrics.resizing import tensorflow_bilinear

NUMBERS = np.load(REFERENCE / "inception_v3_fid.npz")


@pytest.fixture(scope="module")
def tensors():
    """A state dict; `names` holds lines such as `fc.weight (1008, 2048)`."""
    lines = (line.split(" ", 1) for line in NUMBERS["names"].tolist())
    return {name: draw(name, tuple(map(int, re.findall(r"\d+", shape)))) for name, shape in lines}


def test_features_are_those_of_the_original(tensors):
    """From uint8 images of 64x96, by way of the resizing."""
    params = from_torch(tensors)
    images = tensorflow_bilinear(NUMBERS["input_u8"])
    features = jax.jit(InceptionV3().apply)({"params": params}, images)
    for width in (64, 192, 768, 2048):
        expected = NUMBERS[f"features_{width}"]
        error = np.linalg.norm(features[width] - expected) / np.linalg.norm(expected)
        assert error < 2e-6, f"{width}: {error}"  # 1.1e-7 to 2.4e-7 on a CPU


def test_weights_of_another_network_are_refused(tensors):
    conv = "Mixed_6c.branch7x7_2.conv.weight"
    without = {name: value for name, value in tensors.items() if name != conv}
    with pytest.raises(UserError, match=f"the tensor {conv} is missing"):
        from_torch(without)
    turned = tensors[conv].transpose(0, 1, 3, 2)
    with pytest.raises(UserError, match=r"the shape \(160, 160, 7, 1\), not \(160, 160, 1, 7\)"):
        from_torch({**tensors, conv: turned})
    with pytest.raises(UserError, match=r"the tensor AuxLogits.fc.weight is left over"):
        from_torch({**tensors, "AuxLogits.fc.weight": tensors["fc.weight"]})
