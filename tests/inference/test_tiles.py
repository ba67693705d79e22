"""Large images in tiles."""

import dataclasses
from functools import partial

import jax
import numpy as np
import pytest
from cases import METHODS, init

from jaxgan.inference.tiles import translate_in_tiles
from jaxgan.methods.generator import translate

KEY = jax.random.key(0)
# Regions of very different contrast, as statistics of tiles have to differ.
RNG = np.random.default_rng(0)
CONTRAST = np.kron(RNG.uniform(0.05, 1, (5, 6)), np.ones((32, 32)))[:150, :, None]
IMAGE = (CONTRAST * RNG.uniform(-1, 1, (150, 192, 3))).astype(np.float32)


def translator(name, **changes):
    case = METHODS[name]
    method = dataclasses.replace(case.method, **changes)
    return method.trained_generator(init(method, KEY, case.spec(1)), method.directions[0])


def errors(translator, image, **options):
    whole = jax.jit(partial(translate, translator))(image[None], KEY)[0]
    tiled = translate_in_tiles(translator, image, KEY, **options)
    assert tiled.image.shape == whole.shape
    return np.abs(tiled.image - whole), tiled


@pytest.mark.parametrize(("name", "size", "gain"), [("cyclegan", 96, 5), ("pix2pix", 128, 1.5)])
def test_statistics_of_the_whole_image_hide_the_tiles(name, size, gain):
    generator = dataclasses.replace(translator(name), dropout=False)
    own, once = errors(generator, IMAGE, size=size, whole_statistics=False)
    whole, often = errors(generator, IMAGE, size=size, whole_statistics=True)
    assert once.passes == 1
    assert often.passes == 1 + 7  # both generators have seven norms
    assert once.tiles == often.tiles > 1
    assert whole.mean() < own.mean() / gain


def test_far_from_the_seams_nothing_differs():
    own, _ = errors(translator("cyclegan"), IMAGE, size=96, whole_statistics=False)
    whole, _ = errors(translator("cyclegan"), IMAGE, size=96, whole_statistics=True)
    assert own[:40, :40].max() > 0.1
    assert whole[:40, :40].max() < 0.002  # a quarter of a level of 8 bits


def test_an_image_smaller_than_a_tile_is_one_tile():
    generator = translator("cyclegan")
    for whole_statistics in (False, True):
        error, tiled = errors(
            generator, IMAGE[:32, :48], size=48, whole_statistics=whole_statistics
        )
        assert tiled.tiles == 1
        assert error.shape == (32, 48, 3)
    error, _ = errors(generator, IMAGE[:48, :48], size=48, whole_statistics=True)
    assert error.max() < 1e-4


def test_running_statistics_need_no_passes():
    generator = dataclasses.replace(translator("pix2pix"), use_running_average=True)
    _, tiled = errors(generator, IMAGE, size=64, whole_statistics=True)
    assert tiled.passes == 1
