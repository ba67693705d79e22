import collections
import dataclasses
import multiprocessing

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jaxgan.data.facades.parts import PALETTE
from jaxgan.data.loading import Loading
from jaxgan.data.paired import Paired
from jaxgan.data.sources.paired_folder import PairedFolder
from jaxgan.errors import UserError


def take(data, count, **options):
    options = {"seed": 0, "batch_size": 4, "start": 0} | options
    options = {"rows": range(options["batch_size"])} | options
    stream = data.stream(data.prepare(), **options)
    return [next(stream) for _ in range(count)]


def change(data, **fields):
    return dataclasses.replace(data, loading=dataclasses.replace(data.loading, **fields))


def assert_equal(actual, expected):
    for a, b in zip(actual, expected, strict=True):
        for name in b:
            np.testing.assert_array_equal(a[name], b[name])


def test_batches_are_as_the_spec_says(facades):
    (batch,) = take(facades, 1)
    spec = facades.spec(4)
    assert {name: (x.shape, x.dtype) for name, x in batch.items()} == {
        name: (leaf.shape, leaf.dtype) for name, leaf in spec.items()
    }


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("cache_gib", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_the_number_of_a_batch_is_the_whole_state_of_the_stream(facades, workers, cache_gib):
    expected = take(facades, 12)
    data = change(facades, workers=workers, cache_gib=cache_gib)
    assert_equal(take(data, 5, start=7), expected[7:])


def test_a_worker_that_was_killed_ends_in_one_line(facades):
    splits = facades.prepare()
    data = change(facades, workers=1)
    stream = data.stream(splits, seed=0, batch_size=4, start=0, rows=range(4))
    next(stream)
    (worker,) = multiprocessing.active_children()
    worker.kill()
    with pytest.raises(UserError, match=r"ended with code -9; .*: lower --config\.data\.workers"):
        collections.deque(stream, maxlen=0)


def test_a_process_is_given_the_rows_of_its_devices(facades):
    expected = [{name: images[1:3] for name, images in batch.items()} for batch in take(facades, 5)]
    assert_equal(take(facades, 5, rows=[1, 2]), expected)
    assert_equal(take(facades, 2, start=3, rows=[1, 2]), expected[3:])


def test_every_epoch_holds_every_image_once_in_a_new_order(facades):
    epochs = np.concatenate([batch["target"] for batch in take(facades, 6)]).reshape(2, 12, -1)
    orders = [[image.tobytes() for image in epoch] for epoch in epochs]
    assert len(set(orders[0])) == 12
    assert sorted(orders[0]) == sorted(orders[1])
    assert orders[0] != orders[1]


def test_seeds_give_different_orders(facades):
    first, second = take(facades, 1, seed=0)[0], take(facades, 1, seed=1)[0]
    assert (first["input"] != second["input"]).any()


def test_a_batch_may_be_larger_than_the_data_set(facades):
    assert take(facades, 1, batch_size=30)[0]["input"].shape[0] == 30


def test_direction_swaps_input_and_target(facades):
    (there,) = take(facades, 1)
    (back,) = take(dataclasses.replace(facades, direction="ba"), 1)
    np.testing.assert_array_equal(there["input"], back["target"])
    np.testing.assert_array_equal(there["target"], back["input"])


def test_label_maps_are_resized_without_new_colors(facades):
    palette = {tuple(color) for color in PALETTE.tolist()}
    for side, only_labels in (("a", True), ("none", False)):
        (batch,) = take(dataclasses.replace(change(facades, load_size=47), label_maps=side), 1)
        colors = {tuple(color) for color in batch["input"].reshape(-1, 3).tolist()}
        assert (colors <= palette) is only_labels


def test_input_and_target_are_cropped_and_mirrored_alike(facades):
    data = change(facades, load_size=40)
    ramp = np.arange(40 * 40).reshape(1, 40, 40, 1) % 251
    raw = np.broadcast_to(ramp, (64, 40, 40, 3)).astype(np.uint8)
    batch = data.augment({"input": raw, "target": raw}, jax.random.key(0))
    np.testing.assert_array_equal(batch["input"], batch["target"])
    crops = {image.tobytes() for image in np.asarray(batch["input"])}
    assert len(crops) > 48  # of 9 x 9 places and 2 mirrorings
    windows = np.lib.stride_tricks.sliding_window_view(ramp[0, ..., 0], (32, 32)).reshape(
        -1, 32, 32
    )
    pixels = np.asarray((batch["input"][..., 0] + 1) * 127.5).round()
    kinds = [
        (windows == image).all((1, 2)).any() - 2 * (windows == image[:, ::-1]).all((1, 2)).any()
        for image in pixels
    ]
    assert set(kinds) == {1, -2}  # every one is a window of the image, or of its mirror image


def test_without_flip_nothing_is_mirrored(facades):
    data = change(facades, flip=False, load_size=32)
    raw = {name: np.zeros(x.shape, np.uint8) for name, x in data.spec(16).items()}
    raw["input"][:, :, :16] = 255
    batch = data.augment(raw, jax.random.key(0))
    assert (batch["input"][:, :, :16] == 1).all()


def test_held_out_images_come_from_the_test_split(facades):
    splits = facades.prepare()
    (held_out,) = facades.held_out(splits, 100).batches
    assert held_out["input"].shape == (3, 32, 32, 3)
    trained = {image.tobytes() for b in take(facades, 3) for image in b["target"]}
    assert not trained & {image.tobytes() for image in held_out["target"]}
    assert jnp.abs(facades.preprocess(held_out)["input"]).max() <= 1


def test_one_image_is_enough(tmp_path, facades):
    (tmp_path / "train").mkdir()
    Image.new("RGB", (20, 10), "red").save(tmp_path / "train" / "only.png")
    source = PairedFolder(root=str(tmp_path))
    data = Paired(source=source, loading=facades.loading)
    (batch,) = take(data, 1)
    assert (batch["input"] == [255, 0, 0]).all()
    (held_out,) = data.held_out(data.prepare(), 8).batches
    assert len(held_out["input"]) == 1


def test_images_that_are_not_square_are_trained_on_in_windows_and_shown_whole(tmp_path, facades):
    """Twice as wide as high; A's columns hold their numbers, B is the same upside down."""
    (tmp_path / "train").mkdir()
    ramp = np.broadcast_to(np.arange(80, dtype=np.uint8)[None, :, None], (40, 80, 3)).copy()
    ramp[:20, :, 1] = 255
    pair = np.concatenate([ramp, ramp[::-1]], axis=1)
    Image.fromarray(pair).save(tmp_path / "train" / "only.png")
    loading = dataclasses.replace(
        facades.loading, resize="shorter_side", load_size=40, crop_size=32
    )
    data = Paired(source=PairedFolder(root=str(tmp_path)), loading=loading)
    batches = take(data, 20)
    firsts = set()
    for batch in batches:
        assert batch["input"].shape[1:] == (40, 40, 3)
        for a, b in zip(batch["input"], batch["target"], strict=True):
            np.testing.assert_array_equal(a, b[::-1])
            np.testing.assert_array_equal(np.diff(a[0, :, 0].astype(int)), 1)  # not squeezed
            firsts.add(int(a[0, 0, 0]))
    assert min(firsts) < 10
    assert max(firsts) > 30
    jax.tree.map(np.testing.assert_array_equal, take(data, 4, start=6), batches[6:10])
    (held_out,) = data.held_out(data.prepare(), 8).batches
    assert held_out["input"].shape == (1, 32, 64, 3)


@pytest.mark.parametrize(
    ("resize", "size", "expected"),
    [
        ("square", (300, 200), (100, 100)),
        ("center", (300, 200), (100, 100)),
        ("shorter_side", (300, 200), (150, 100)),
        ("shorter_side", (50, 75), (100, 150)),
        ("none", (301, 200), (301, 200)),
        ("none", (50, 75), (100, 150)),
    ],
)
def test_images_are_resized(resize, size, expected):
    loading = Loading(resize=resize, load_size=100, crop_size=100)
    assert loading.fit(np.zeros((*size[::-1], 3), np.uint8), 100).shape == (*expected[::-1], 3)


def test_sizes_that_cannot_be_are_refused(facades):
    with pytest.raises(ValueError, match="load_size"):
        change(facades, load_size=16)


def test_damaged_data_says_what_to_do(tmp_path, facades):
    data = change(facades, data_dir=str(tmp_path))
    data.prepare()
    for file in tmp_path.rglob("*train*.array_record*"):
        content = bytearray(file.read_bytes())
        for place in range(1000, len(content) - 1000, 1000):
            content[place] ^= 255
        file.write_bytes(content)
    with pytest.raises(UserError, match=r"damaged .*: delete the folder"):
        take(data, 6)
