import io

import jax
import numpy as np
import pytest
from PIL import Image

from jaxgan.data.facades.parts import PALETTE
from jaxgan.data.facades.plan import facade
from jaxgan.errors import UserError
from jaxgan.metrics.palette import find_palette, to_classes
from jaxgan.metrics.semantic import segment, semantic_scores, train_segmenter

TRAINED = 40  # facades; those that follow are held out


@pytest.fixture(scope="module")
def pairs():
    """Label maps and photos of 32x32 facades."""
    drawn = [facade(0, index, 32) for index in range(TRAINED + 10)]
    return tuple(np.stack(images) for images in zip(*drawn, strict=True))


def train(pairs):
    label_maps, photos = (images[:TRAINED] for images in pairs)
    return train_segmenter(photos, label_maps, seed=1, steps=120)


@pytest.fixture(scope="module")
def segmenter(pairs):
    return train(pairs)


def jpeg(image, quality):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "jpeg", quality=quality)
    return np.asarray(Image.open(file))


def test_scores_are_those_of_the_confusion_matrix():
    """Of labels 0, 1, 2 in rows: (2, 1, 0), (0, 2, 0), (1, 0, 0); there is no class 3."""
    labels = np.array([[0, 0, 0], [1, 1, 2]], np.uint8)
    predicted = np.array([[0, 0, 1], [1, 1, 0]], np.uint8)
    scores = semantic_scores(predicted, labels, classes=4)
    assert scores.pixel_accuracy == pytest.approx(4 / 6)
    assert scores.class_accuracy == pytest.approx((2 / 3 + 2 / 2 + 0) / 3)
    assert scores.class_iou == pytest.approx((2 / 4 + 2 / 3 + 0 / 1) / 3)


def test_a_class_that_is_seen_but_not_there_has_an_intersection_over_union_of_zero():
    assert semantic_scores(np.array([0, 3]), np.array([0, 0]), classes=4) == (0.5, 0.5, 0.25)


def test_pairs_of_classes_may_be_more_than_a_byte_holds():
    labels = np.array([3, 39], np.uint8)
    assert semantic_scores(labels, labels, classes=40) == (1, 1, 1)


def test_the_palette_of_clean_label_maps_is_exact_and_begins_with_the_commonest(pairs):
    label_maps = pairs[0].copy()
    label_maps[0, 0, :3] = (1, 2, 3)  # too rare for a class
    palette = find_palette(label_maps)
    assert sorted(map(tuple, palette)) == sorted(map(tuple, PALETTE))
    counts = [(label_maps == color).all(-1).sum() for color in palette]
    assert counts == sorted(counts, reverse=True)
    np.testing.assert_array_equal(palette[to_classes(pairs[0], palette)], pairs[0])


@pytest.mark.parametrize("quality", [75, 95])
def test_the_palette_is_found_through_the_noise_of_jpeg(quality):
    """Cityscapes' sky, road, bus and train, of which the last two are 20 apart."""
    colors = np.array([(70, 130, 180), (128, 64, 128), (0, 60, 100), (0, 80, 100)], np.uint8)
    classes = np.kron([[0, 1, 0], [2, 0, 3]], np.ones((29, 23), int))
    noisy = jpeg(colors[classes], quality)[None]
    assert len(np.unique(noisy.reshape(-1, 3), axis=0)) > 100
    palette = find_palette(noisy)
    distances = np.linalg.norm(palette[:, None] - colors.astype(float), axis=-1)
    assert sorted(distances.argmin(axis=1)) == [0, 1, 2, 3]
    assert distances.min(axis=1).max() < 4
    agreement = (distances.argmin(axis=1)[to_classes(noisy, palette)[0]] == classes).mean()
    assert agreement > 0.95


@pytest.mark.parametrize("kind", ["noise", "facades", "shades of gray", "jpeg"])
def test_photos_are_no_label_maps(kind, pairs):
    photos = pairs[1]
    images = {
        "noise": np.random.default_rng(0).integers(0, 256, photos.shape, np.uint8),
        "facades": photos,
        "shades of gray": np.tile(np.arange(256, dtype=np.uint8)[:, None], (1, 9, 1, 3)),
        "jpeg": np.stack([jpeg(photo, 50) for photo in photos]),
    }[kind]
    with pytest.raises(UserError, match="not label maps"):
        find_palette(images)


def test_label_maps_of_one_color_are_refused():
    with pytest.raises(UserError, match="single color"):
        find_palette(np.zeros((2, 8, 8, 3), np.uint8))


def scores(segmenter, photos, label_maps):
    labels = to_classes(label_maps, segmenter.palette)
    return semantic_scores(segment(segmenter, photos), labels, len(segmenter.palette))


def test_a_segmenter_tells_the_classes_of_held_out_photos_but_not_of_noise(segmenter, pairs):
    label_maps, photos = (images[TRAINED:] for images in pairs)
    commonest = max(np.unique(to_classes(label_maps, PALETTE), return_counts=True)[1])
    chance = commonest / label_maps[..., 0].size
    real = scores(segmenter, photos, label_maps)
    noise = np.random.default_rng(0).integers(0, 256, photos.shape, np.uint8)
    assert real.pixel_accuracy > chance + 0.3
    for on_photos, on_noise in zip(real, scores(segmenter, noise, label_maps), strict=True):
        assert on_photos > 2 * on_noise


def test_a_photo_is_segmented_alike_whatever_its_batch_mates(segmenter, pairs):
    photos = pairs[1][:6]
    together = segment(segmenter, photos)
    np.testing.assert_array_equal(segment(segmenter, photos[5:])[0], together[5])


def test_large_photos_are_seen_at_the_size_of_training(segmenter, pairs):
    """Enlarged twofold and shrunk twofold, with an edge that has to be mirrored."""
    photos = pairs[1][:4]
    twofold, double = (
        images.repeat(2, axis=1).repeat(2, axis=2)[:, :61, :58]
        for images in (photos, segment(segmenter, photos))
    )
    seen = segment(segmenter._replace(shrink=2), twofold)
    assert seen.shape == (4, 61, 58)
    assert (seen == double).mean() > 0.8


@pytest.mark.slow
def test_training_is_repeatable(segmenter, pairs):
    again = train(pairs)
    for first, second in zip(jax.tree.leaves(segmenter), jax.tree.leaves(again), strict=True):
        np.testing.assert_array_equal(first, second)
