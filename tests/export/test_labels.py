"""What one draws on the page of a pix2pix is read off the held-out inputs."""

import numpy as np

from jaxgan.data.facades.plan import facade
from jaxgan.export.labels import describe_labels


def test_label_maps_have_a_palette_with_the_names_of_facade_parts():
    labels = np.stack([facade(0, index, 64)[0] for index in range(8)])
    described = describe_labels([labels])
    names = {entry["name"]: entry["color"] for entry in described["palette"]}
    assert names["wall"] == "#0000ff"
    assert {"window", "door", "cornice"} <= names.keys()


def test_colors_that_are_no_facade_have_no_names():
    labels = np.zeros((2, 16, 16, 3), np.uint8)
    labels[:, :8] = (0, 200, 30)
    described = describe_labels([labels])
    assert [entry["name"] for entry in described["palette"]] == [None, None]


def test_sketches_have_blank_paper_and_no_palette():
    sketches = np.full((4, 64, 64, 3), 253, np.uint8)
    shades = np.random.default_rng(0).integers(0, 240, (24, 24, 1), np.uint8)
    for number, sketch in enumerate(sketches):
        sketch[10 + number : 34 + number, 10:34] = shades
    assert describe_labels([sketches]) == {"palette": None, "background": "#fdfdfd"}


def test_nobody_draws_photos():
    photos = np.stack([facade(0, index, 64)[1] for index in range(8)])
    assert describe_labels([photos]) is None
