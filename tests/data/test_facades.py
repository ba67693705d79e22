import numpy as np
import pytest

from jaxgan.data.facades.parts import BALCONY, BLIND, DOOR, PALETTE, SHOP, WALL, WINDOW
from jaxgan.data.facades.plan import facade


def classes(labels):
    matches = (labels[..., None, :] == PALETTE).all(-1)
    assert (matches.sum(-1) == 1).all()
    return matches.argmax(-1)


@pytest.mark.parametrize("size", [32, 64, 100, 256])
def test_both_images_have_the_size_asked_for(size):
    for image in facade(0, 0, size):
        assert image.shape == (size, size, 3)
        assert image.dtype == np.uint8


def test_a_facade_is_a_function_of_seed_and_index():
    first, again = facade(3, 5, 64), facade(3, 5, 64)
    np.testing.assert_array_equal(first, again)
    for seed, index in ((3, 6), (4, 5)):
        assert (facade(seed, index, 64)[0] != first[0]).any()


def test_every_facade_has_windows_and_a_door_and_all_classes_occur():
    seen = np.zeros(len(PALETTE), int)
    for index in range(40):
        present = np.bincount(classes(facade(0, index, 128)[0]).ravel(), minlength=len(PALETTE))
        assert present[WINDOW] or present[BALCONY]
        assert present[DOOR]
        seen += present > 0
    assert seen.all()
    assert 0 < seen[SHOP] < 40
    assert 0 < seen[BLIND] < 40


def test_windows_are_darker_than_walls():
    contrast = []
    for index in range(20):
        labels, picture = facade(1, index, 128)
        kinds, light = classes(labels), picture.mean(-1)
        contrast.append(light[kinds == WALL].mean() - light[kinds == WINDOW].mean())
    assert np.mean(contrast) > 20
