from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.networks.resnet import ResNetGenerator
from jaxgan.networks.unet import UNetGenerator
from jaxgan.types import Translator
from jaxgan.updates import translate

KEY = jax.random.key(0)


@pytest.mark.parametrize(
    ("generator", "mirrored"),
    [
        (UNetGenerator(1, features=4, depth=4, norm="instance", dropout=0), (48, 64)),
        (ResNetGenerator(1, features=4, blocks=1), (36, 52)),
    ],
    ids=["unet", "resnet"],
)
def test_images_are_mirrored_to_what_a_network_needs_and_cut_back(generator, mirrored):
    images = jax.random.uniform(KEY, (2, 33, 50, 3), minval=-1)
    params = jax.jit(generator.init)({"params": KEY}, jnp.zeros((1, 16, 16, 3)))["params"]
    translator = Translator(params, {}, generator)
    translated = jax.jit(partial(translate, translator))(images, KEY)
    padding = ((0, 0), (0, mirrored[0] - 33), (0, mirrored[1] - 50), (0, 0))
    whole = jax.jit(generator.apply)({"params": params}, jnp.pad(images, padding, "reflect"))
    np.testing.assert_allclose(translated, whole[:, :33, :50], atol=1e-5)
