"""Against the authors' definitions, on images where the outcome can be told by hand."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.methods.augment import change_colors, cutout, diff_augment, diff_augment_pairs, shift

KEY = jax.random.key(0)
IMAGES = jax.random.uniform(KEY, (64, 16, 24, 3), minval=-1)


def test_colors_change_by_as_much_as_the_authors_say():
    """Colors are an affine map: one offset an image, a factor for contrast, one for saturation."""
    changed = change_colors(IMAGES, jax.random.key(1))
    change = changed.mean(axis=(1, 2, 3)) - IMAGES.mean(axis=(1, 2, 3))
    assert -0.5 <= change.min() < -0.4
    assert 0.4 < change.max() <= 0.5

    def grays(images):
        gray = images.mean(axis=-1)
        return gray - gray.mean(axis=(1, 2), keepdims=True)

    def colors(images):
        return images - images.mean(axis=-1, keepdims=True)

    contrast = grays(changed) / grays(IMAGES)
    factors = np.median(contrast, axis=(1, 2))
    np.testing.assert_allclose(grays(changed), factors[:, None, None] * grays(IMAGES), atol=1e-4)
    assert 0.5 <= factors.min() < 0.6
    assert 1.4 < factors.max() <= 1.5
    saturation = np.median(colors(changed) / colors(IMAGES), axis=(1, 2, 3)) / factors
    assert 0 <= saturation.min() < 0.2
    assert 1.8 < saturation.max() <= 2


def test_images_move_by_up_to_an_eighth():
    moved = np.asarray(shift(IMAGES, jax.random.key(1)))
    found = set()
    for image, original in zip(moved, np.asarray(IMAGES), strict=True):
        padded = np.pad(original, ((2, 2), (3, 3), (0, 0)))
        matches = [
            (y, x)
            for y in range(5)
            for x in range(7)
            if np.array_equal(padded[y : y + 16, x : x + 24], image)
        ]
        assert len(matches) == 1
        found.add(matches[0])
    assert {y for y, _ in found} == set(range(5))
    assert {x for _, x in found} == set(range(7))
    few = jax.random.uniform(KEY, (256, 20, 8, 1))
    first_rows = np.asarray(shift(few, jax.random.key(1)))[:, :, 2].any(axis=-1).argmax(axis=1)
    assert set(first_rows.tolist()) == {0, 1, 2, 3}  # int(20 / 8 + 0.5), as the authors round


def test_a_square_of_half_the_size_is_cut_out():
    cut = np.asarray(cutout(jnp.ones((64, 16, 16, 3)), jax.random.key(1))) == 0
    assert (cut.any(axis=-1) == cut.all(axis=-1)).all()
    rows, columns = cut.any(axis=(2, 3)).sum(axis=1), cut.any(axis=(1, 3)).sum(axis=1)
    np.testing.assert_array_equal(cut[..., 0].sum(axis=(1, 2)), rows * columns)
    assert rows.max() == columns.max() == 8
    assert rows.min() < 8  # some hang over the edge


def test_gradients_flow_and_every_image_has_randomness_of_its_own():
    gradient = jax.grad(lambda x: diff_augment(x, KEY).sum())(IMAGES)
    assert jnp.abs(gradient).max() > 0
    same = jnp.broadcast_to(IMAGES[:1], IMAGES.shape)
    augmented = np.asarray(diff_augment(same, KEY))
    assert len({image.tobytes() for image in augmented}) == len(augmented)


def test_pairs_move_alike_and_only_the_image_changes_its_colors():
    x = jax.random.uniform(jax.random.key(0), (8, 16, 24, 1), minval=0.1)
    y = jax.random.uniform(jax.random.key(1), (8, 16, 24, 3), minval=0.1)
    moved_x, moved_y = diff_augment_pairs(x, y, jax.random.key(2))
    color_key, shift_key, cutout_key = jax.random.split(jax.random.key(2), 3)

    def move(images):
        return cutout(shift(images, shift_key), cutout_key)

    np.testing.assert_array_equal(moved_x, move(x))
    np.testing.assert_allclose(moved_y, move(change_colors(y, color_key)), atol=1e-6)
    assert {*np.unique(moved_x[moved_x != 0])} <= {*np.unique(x)}
