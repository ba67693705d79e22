"""Single images: sources, labels, and how they arrive at a batch."""

import dataclasses
import gzip
import io
import os
import shutil
import tarfile
import threading
import tracemalloc
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from PIL import Image

from jaxgan.data.facades.dataset import FacadePictures, ProceduralFacades
from jaxgan.data.loading import Loading
from jaxgan.data.sources.celeba import CelebA
from jaxgan.data.sources.cifar10 import CIFAR10
from jaxgan.data.sources.fashion_mnist import FashionMNIST
from jaxgan.data.sources.image_folder import ImageFolder
from jaxgan.data.sources.tfds_images import TFDSImages
from jaxgan.data.unconditional import Unconditional
from jaxgan.errors import UserError

RNG = np.random.default_rng(0)


def idx(values):
    header = bytes([0, 0, 8, values.ndim]) + np.array(values.shape, ">u4").tobytes()
    return gzip.compress(header + values.tobytes())


@pytest.fixture
def fashion(tmp_path):
    """Fashion-MNIST's four files with few pictures, and those pictures."""
    arrays = {}
    for prefix, count in (("train", 7), ("t10k", 3)):
        images = RNG.integers(0, 256, (count, 28, 28), np.uint8)
        labels = np.arange(count, dtype=np.uint8)
        (tmp_path / f"{prefix}-images-idx3-ubyte.gz").write_bytes(idx(images))
        (tmp_path / f"{prefix}-labels-idx1-ubyte.gz").write_bytes(idx(labels))
        arrays[prefix] = images
    return tmp_path, arrays


def gray(source, data_dir):
    loading = Loading(load_size=28, crop_size=28, flip=False, data_dir=str(data_dir))
    return Unconditional(source=source, loading=loading)


def test_fashion_mnist_from_its_files(fashion, data_dir):
    folder, arrays = fashion
    data = gray(FashionMNIST(root=str(folder)), data_dir)
    splits = data.prepare()
    (held_out,) = data.held_out(splits, 8).batches
    np.testing.assert_array_equal(held_out["image"][..., 0], arrays["t10k"])
    batch = next(data.stream(splits, seed=0, batch_size=7, start=0, rows=range(7)))
    assert batch["image"].shape == data.spec(7)["image"].shape
    trained = {image.tobytes() for image in batch["image"]}
    assert trained == {image.tobytes() for image in arrays["train"]}
    classes = [os.path.dirname(os.fsdecode(record["id"])) for record in splits["train"]]
    assert classes == list("0123456")


def test_a_damaged_or_missing_file_of_fashion_mnist_is_named(fashion, data_dir):
    folder, _ = fashion
    file = folder / "train-images-idx3-ubyte.gz"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(UserError, match=r"train-images-idx3-ubyte.gz is damaged .* get it again"):
        gray(FashionMNIST(root=str(folder)), data_dir).prepare()
    file.write_bytes(gzip.compress(b"something else"))
    with pytest.raises(UserError, match=r"train-images-idx3-ubyte.gz is damaged"):
        gray(FashionMNIST(root=str(folder)), data_dir).prepare()
    file.unlink()
    with pytest.raises(UserError, match=r"there is no file .*train-images-idx3-ubyte.gz"):
        gray(FashionMNIST(root=str(folder)), data_dir).prepare()


def test_a_download_of_fashion_mnist_is_checked(fashion, tmp_path_factory):
    """The files of the test are not the real ones, so their sums cannot fit."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(fashion[0]))
    with ThreadingHTTPServer(("localhost", 0), handler) as server:
        threading.Thread(target=server.serve_forever).start()
        source = FashionMNIST(mirror=f"http://localhost:{server.server_port}")
        with pytest.raises(UserError, match=r"SHA-256 is not the one on record.*data.root=DIR"):
            gray(source, tmp_path_factory.mktemp("data")).prepare()
        server.shutdown()


def test_a_file_of_fashion_mnist_that_would_fill_the_memory_is_damaged(fashion, data_dir):
    folder, _ = fashion
    (folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(bytes(2**28), 1))
    tracemalloc.start()
    with pytest.raises(UserError, match=r"train-images-idx3-ubyte\.gz is damaged"):
        gray(FashionMNIST(root=str(folder)), data_dir).prepare()
    assert tracemalloc.get_traced_memory()[1] < 2**27
    tracemalloc.stop()


def cifar(folder, records):
    archive = folder / "cifar-10-binary.tar.gz"
    with tarfile.open(archive, "w:gz") as file:
        for name, record in records.items():
            info = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            info.size = len(record)
            file.addfile(info, io.BytesIO(record))
    return archive


def test_cifar10_from_its_archive(tmp_path, data_dir):
    names = [f"data_batch_{number}.bin" for number in range(1, 6)] + ["test_batch.bin"]
    planes = RNG.integers(0, 256, (len(names), 3, 32, 32), np.uint8)
    records = {
        name: bytes([number]) + plane.tobytes()
        for number, (name, plane) in enumerate(zip(names, planes, strict=True))
    }
    loading = Loading(load_size=32, crop_size=32, data_dir=str(data_dir))
    data = Unconditional(source=CIFAR10(archive=str(cifar(tmp_path, records))), loading=loading)
    splits = data.prepare()
    assert len(splits["train"]) == 5
    (held_out,) = data.held_out(splits, 8).batches
    np.testing.assert_array_equal(held_out["image"][0], planes[5].transpose(1, 2, 0))
    assert splits["test"][0]["id"].startswith(b"5/")

    for broken in ({"data_batch_1.bin": b"short"}, {}):
        source = CIFAR10(archive=str(cifar(tmp_path, broken)))
        with pytest.raises(UserError, match="is damaged or not cifar-10"):
            dataclasses.replace(data, source=source).prepare()


def test_celeba_comes_from_the_users_archive(tmp_path, data_dir):
    """The square in the middle of 178x218, as of PyTorch's tutorial."""
    picture = np.zeros((218, 178, 3), np.uint8)
    picture[20:198] = 255
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "png")
    archive = tmp_path / "img_align_celeba.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("img_align_celeba/000001.jpg", buffer.getvalue())
    loading = Loading(resize="center", load_size=64, crop_size=64, data_dir=str(data_dir))
    data = Unconditional(source=CelebA(archive=str(archive)), loading=loading)
    (held_out,) = data.held_out(data.prepare(), 1).batches
    assert (held_out["image"][:, 2:-2] == 255).all()  # the edge is mixed with what was cut off
    assert (held_out["image"] > 200).all()
    with pytest.raises(UserError, match=r"img_align_celeba.zip by hand .*data.archive"):
        dataclasses.replace(data, source=CelebA()).prepare()


@pytest.mark.parametrize("split", [False, True])
def test_a_folder_of_images(tmp_path, data_dir, split):
    for folder, count in (("train/cats", 3), ("train/dogs", 2), ("test/cats", 1)):
        (tmp_path / folder).mkdir(parents=True)
        for number in range(count if split or "train" in folder else 0):
            Image.new("RGB", (30, 40), (number, 0, 0)).save(tmp_path / folder / f"{number}.png")
    root = tmp_path if split else tmp_path / "train"
    loading = Loading(load_size=16, crop_size=16, data_dir=str(data_dir))
    data = Unconditional(source=ImageFolder(root=str(root)), loading=loading)
    splits = data.prepare()
    assert {name: len(records) for name, records in splits.items()} == (
        {"train": 5, "test": 1} if split else {"train": 5}
    )
    assert [os.path.dirname(os.fsdecode(record["id"])) for record in splits["train"]] == [
        *("cats", "cats", "cats", "dogs", "dogs")
    ]
    (held_out,) = data.held_out(splits, 8).batches
    assert held_out["image"].shape == (1 if split else 5, 16, 16, 3)


@pytest.mark.parametrize("link", [False, True])
def test_a_class_may_be_called_train(tmp_path, data_dir, capsys, link):
    root = tmp_path / "vehicles"
    for folder in ("bus", "car", "train"):
        target = (tmp_path / "far" if link else root) / folder
        target.mkdir(parents=True)
        for number in range(4):
            Image.new("RGB", (8, 8), (number, 0, 0)).save(target / f"{number}.png")
        root.mkdir(exist_ok=True)
        if link:
            (root / folder).symlink_to(target)
    splits = ImageFolder(root=str(root)).prepare(data_dir)
    assert [record["id"].decode() for record in splits["train"]] == [
        f"{folder}/{number}.png" for folder in ("bus", "car", "train") for number in range(4)
    ]
    assert {*splits} == {"train"}
    assert "12 train (all images, of classes bus, car, train)" in capsys.readouterr().out


def test_folders_are_splits_where_no_image_lies_outside_of_them(tmp_path, data_dir, capsys):
    for split, count in (("train", 3), ("val", 2), ("test", 1)):
        (tmp_path / split / "cats").mkdir(parents=True)
        for number in range(count):
            Image.new("RGB", (8, 8), (number, 0, 0)).save(
                tmp_path / split / "cats" / f"{number}.png"
            )
    (tmp_path / "README.md").write_text("hello")
    (tmp_path / "empty").mkdir()
    splits = ImageFolder(root=str(tmp_path)).prepare(data_dir)
    sizes = {"train": 3, "val": 2, "test": 1}
    assert {split: len(records) for split, records in splits.items()} == sizes
    assert splits["val"][0]["id"] == b"cats/0.png"
    printed = capsys.readouterr().out
    assert "data: 3 train, 2 val, 1 test, in " in printed
    assert "not used: README.md; empty\n" in printed
    Image.new("RGB", (8, 8)).save(tmp_path / "empty" / "loose.webp")
    assert len(ImageFolder(root=str(tmp_path)).prepare(data_dir)["train"]) == 7
    assert "README.md: not an image" in capsys.readouterr().out
    shutil.rmtree(tmp_path / "train")
    (tmp_path / "empty" / "loose.webp").unlink()
    with pytest.raises(UserError, match=r"train has no images"):
        ImageFolder(root=str(tmp_path)).prepare(data_dir)


def test_an_empty_folder_is_told(tmp_path, data_dir):
    with pytest.raises(UserError, match="has no images"):
        ImageFolder(root=str(tmp_path)).prepare(data_dir)


def test_a_data_set_that_tfds_prepared_works_by_name(data_dir, monkeypatch):
    """Any builder will do: here, one of ours under a name of its own."""
    source = FacadePictures(facades=ProceduralFacades(size=32, train_count=4, test_count=2))
    ours = source.prepare(data_dir)
    (folder,) = data_dir.glob("facade_pictures_32_0_4_2")
    splits = TFDSImages(name=folder.name).prepare(data_dir)
    assert {name: len(records) for name, records in splits.items()} == {"train": 4, "test": 2}
    assert splits["train"][0]["image"] == ours["train"][0]["image"]
    size = sum(file.stat().st_size for file in folder.rglob("*train*.array_record*"))
    assert splits["train"].fingerprint == f"{folder.name}/1.0.0, {size} bytes"


def test_a_data_set_that_tfds_lacks_or_has_not_prepared_is_told(tmp_path):
    with pytest.raises(UserError, match="TFDS has no data set no_such_thing"):
        TFDSImages(name="no_such_thing").prepare(tmp_path)
    with pytest.raises(UserError, match=r"mnist is not in .* prepare it where there is TensorFlow"):
        TFDSImages(name="mnist").prepare(tmp_path)
    with pytest.raises(UserError, match="records of imdb_reviews hold no image"):
        TFDSImages(name="imdb_reviews").prepare(tmp_path)
