import dataclasses
import shutil

import jax
import numpy as np
import pytest
from PIL import Image

from jaxgan.data.facades.dataset import ProceduralFacades, UnpairedFacades
from jaxgan.data.facades.parts import PALETTE
from jaxgan.data.loading import Loading
from jaxgan.data.sources.image_folder import ImageFolder
from jaxgan.data.sources.unpaired_folder import UnpairedFolder
from jaxgan.data.unpaired import Unpaired
from jaxgan.errors import UserError
from jaxgan.images.files import read_image
from jaxgan.images.kinds import ImageKind


@pytest.fixture
def data(tmp_path, data_dir):
    """Twelve images of domain A and eight of B; each is one color that tells it."""
    for split, count in (("trainA", 12), ("trainB", 8), ("testA", 3), ("testB", 2)):
        (tmp_path / split).mkdir()
        for number in range(count):
            color = (10 * number, 255 * split.endswith("B"), 255 * split.startswith("test"))
            Image.new("RGB", (20, 30), color).save(tmp_path / split / f"{number:02}.png")
    source = UnpairedFolder(root=str(tmp_path))
    return Unpaired(
        source=source, loading=Loading(load_size=18, crop_size=16, data_dir=str(data_dir))
    )


def take(data, count, **options):
    options = {"seed": 0, "batch_size": 2, "start": 0} | options
    options = {"rows": range(options["batch_size"])} | options
    stream = data.stream(data.prepare(), **options)
    return [next(stream) for _ in range(count)]


def numbers(batches, domain):
    return [int(image[0, 0, 0]) // 10 for batch in batches for image in batch[domain]]


def test_every_domain_is_shuffled_and_repeated_by_itself(data):
    batches = take(data, 12)
    a, b = numbers(batches, "a"), numbers(batches, "b")
    assert sorted(a[:12]) == sorted(a[12:]) == list(range(12))
    assert sorted(b[:8]) == sorted(b[8:16]) == sorted(b[16:]) == list(range(8))
    assert a[:12] != a[12:]
    assert a[:8] != b[:8]
    assert all((batch["a"][..., 1] == 0).all() for batch in batches)
    assert all((batch["b"][..., 1] == 255).all() for batch in batches)


def test_domains_of_equal_size_are_not_paired(data, tmp_path):
    for number in range(8, 12):
        name = tmp_path / "trainB" / f"{number:02}.png"
        Image.new("RGB", (20, 30), (10 * number, 255, 0)).save(name)
    batches = take(data, 6)
    assert numbers(batches, "a") != numbers(batches, "b")


@pytest.mark.parametrize("workers", [0, 1])
def test_the_number_of_a_batch_is_the_whole_state_of_the_stream(data, workers):
    expected = take(data, 10)
    data = dataclasses.replace(data, loading=dataclasses.replace(data.loading, workers=workers))
    for actual, batch in zip(take(data, 4, start=6), expected[6:], strict=True):
        for name in batch:
            np.testing.assert_array_equal(actual[name], batch[name])


def test_domains_are_cropped_and_mirrored_independently(data):
    ramp = np.arange(18 * 18).reshape(1, 18, 18, 1) % 251
    raw = np.broadcast_to(ramp, (32, 18, 18, 3)).astype(np.uint8)
    batch = data.augment({"a": raw, "b": raw}, jax.random.key(0))
    same = [(a == b).all() for a, b in zip(batch["a"], batch["b"], strict=True)]
    assert sum(map(bool, same)) < 8  # one in 18 by chance


def test_held_out_images_are_those_of_the_test_splits(data):
    (held_out,) = data.held_out(data.prepare(), 8).batches
    assert held_out["a"].shape == held_out["b"].shape == (2, 16, 16, 3)
    assert (held_out["a"][..., 2] == 255).all()


def test_without_test_splits_training_images_are_shown(data, tmp_path):
    for file in (tmp_path / "testB").iterdir():
        file.unlink()
    (held_out,) = data.held_out(data.prepare(), 3).batches
    assert (held_out["a"][..., 2] == 0).all()


def test_a_missing_domain_is_told(data, tmp_path):
    for file in (tmp_path / "trainB").iterdir():
        file.unlink()
    with pytest.raises(UserError, match="no images in trainB"):
        data.prepare()


def add(folder, count):
    folder.mkdir(parents=True)
    for number in range(count):
        Image.new("RGB", (20, 30), (number, 0, 200)).save(folder / f"{number}.png")


def test_val_is_read_and_held_out_where_there_is_no_test(data, tmp_path, capsys):
    add(tmp_path / "valA", 3)
    add(tmp_path / "valB", 2)
    counts = {"trainA": 12, "trainB": 8, "valA": 3, "valB": 2, "testA": 3, "testB": 2}
    assert {name: len(records) for name, records in data.prepare().items()} == counts
    assert "12 trainA, 8 trainB, 3 valA, 2 valB, 3 testA, 2 testB, in " in capsys.readouterr().out
    shutil.rmtree(tmp_path / "testB")
    (held_out,) = data.held_out(data.prepare(), 8).batches
    assert (held_out["b"][..., 2] == 200).all()
    assert "3 testA (not used, as testB is empty or missing), in" in capsys.readouterr().out


def test_domains_within_the_folder_of_a_split(data, tmp_path, capsys):
    root = tmp_path / "nested"
    for folder, count in (("train/A", 3), ("train/B", 2), ("val/a", 2), ("val/b", 1)):
        add(root / folder, count)
    add(root / "train" / "C", 1)
    source = UnpairedFolder(root=str(root))
    splits = dataclasses.replace(data, source=source).prepare()
    counts = {"trainA": 3, "trainB": 2, "valA": 2, "valB": 1}
    assert {name: len(records) for name, records in splits.items()} == counts
    printed = capsys.readouterr().out
    assert "3 trainA (from train/A), 2 trainB (from train/B), 2 valA (from val/a)" in printed
    assert "1 files left out: train/C/0.png: neither in train/A nor in train/B" in printed


def test_one_folder_is_prepared_anew_for_every_use_of_it(data, tmp_path, data_dir):
    folder = tmp_path / "shared"
    for domain in ("trainA", "trainB"):
        shutil.copytree(tmp_path / domain, folder / domain)
    gray = ImageKind(channels=1)
    for kinds in ({"a": gray}, {"b": gray}, {}):
        source = UnpairedFolder(root=str(folder), **kinds)
        (held_out,) = (
            dataclasses.replace(data, source=source).held_out(source.prepare(data_dir), 4).batches
        )
        for domain in ("a", "b"):
            assert held_out[domain].shape[-1] == (1 if domain in kinds else 3)
            colored = np.ptp(held_out[domain], axis=-1).any()
            assert colored == (domain not in kinds)
    single = ImageFolder(root=str(folder)).prepare(data_dir)
    assert len(single["train"]) == 20


def test_drawn_domains_are_label_maps_and_pictures_of_other_facades(data_dir):
    source = UnpairedFacades(facades=ProceduralFacades(size=32, train_count=3, test_count=2))
    splits = source.prepare(data_dir)
    assert {name: len(split) for name, split in splits.items()} == {
        "trainA": 3,
        "trainB": 3,
        "testA": 2,
        "testB": 2,
    }
    ids = [record["id"] for split in splits.values() for record in split]
    assert len(set(ids)) == 10
    palette = {tuple(color) for color in PALETTE.tolist()}
    for name, only_labels in (("trainA", True), ("trainB", False)):
        pixels = read_image(splits[name][0]["image"], 3).reshape(-1, 3)
        assert (set(map(tuple, pixels.tolist())) <= palette) is only_labels
