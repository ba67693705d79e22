"""Files of images through a trained model."""

import dataclasses

import numpy as np
import pytest
import tiny
import tiny_cyclegan
from PIL import Image

import jaxgan
from jaxgan import cli
from jaxgan.errors import UserError
from jaxgan.images import to_picture
from jaxgan.trainer import train

CONFIGS = {"pix2pix": tiny.get_config(), "cyclegan": tiny_cyclegan.get_config()}
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def runs(tmp_path_factory, data_dir):
    """A run of each."""
    folders = {}
    for name, config in CONFIGS.items():
        folders[name] = tmp_path_factory.mktemp(name)
        crops = dataclasses.replace(config.data.crops, data_dir=str(data_dir))
        data = dataclasses.replace(config.data, crops=crops)
        settings = dataclasses.replace(config.train, steps=1, sample_every=0)
        train(dataclasses.replace(config, data=data, train=settings), folders[name])
    return folders


def save(file, height, width, channels=3, dtype=np.uint8):
    file.parent.mkdir(parents=True, exist_ok=True)
    pixels = RNG.integers(0, np.iinfo(dtype).max, (height, width, channels), dtype)
    Image.fromarray(pixels.squeeze(-1) if channels == 1 else pixels).save(file)


@pytest.fixture
def pictures(tmp_path):
    """A folder of pictures in all sizes and formats, and two files that are none."""
    folder = tmp_path / "pictures"
    save(folder / "a.png", 20, 30)
    save(folder / "b.jpg", 20, 30)
    save(folder / "deep" / "c.webp", 33, 17)
    save(folder / "one.png", 1, 1)
    save(folder / "line.tiff", 1, 400)
    save(folder / "gray.png", 16, 16, channels=1)
    save(folder / "deep" / "sixteen.png", 16, 16, channels=1, dtype=np.uint16)
    save(folder / "transparent.png", 16, 16, channels=4)
    Image.new("RGB", (16, 16)).save(folder / "palette.gif")
    (folder / "broken.png").write_bytes((folder / "a.png").read_bytes()[:200])
    (folder / "notes.txt").write_text("no image")
    return folder


@pytest.mark.parametrize("name", CONFIGS)
def test_every_file_is_translated_under_its_name_at_its_size(
    runs, pictures, tmp_path, capsys, name
):
    output = tmp_path / "out"
    arguments = ["translate", "--run", str(runs[name])]
    arguments += ["--input", str(pictures), "--output", str(output)]
    assert cli.main(arguments) == 1  # two files could not be read
    printed, errors = capsys.readouterr()
    assert "9 images written" in printed
    assert "skipped" in errors
    assert "broken.png" in errors
    assert "notes.txt: not an image" in errors
    written = {str(file.relative_to(output)) for file in output.rglob("*") if file.is_file()}
    assert written == {
        *("a.png", "b.jpg", "deep/c.webp", "one.png", "line.tiff", "gray.png"),
        *("deep/sixteen.png", "transparent.png", "palette.png", "index.html"),
    }
    for file in written - {"index.html", "palette.png"}:
        with Image.open(output / file) as image, Image.open(pictures / file) as original:
            assert image.size == original.size
    page = (output / "index.html").read_text()
    assert page.count("<tr>") == 9
    assert 'src="../pictures/deep/c.webp"' in page
    assert 'src="deep/c.webp"' in page


def test_a_file_is_translated_as_its_pixels_are(runs, tmp_path):
    save(tmp_path / "in" / "x.png", 20, 30)
    arguments = ["translate", "--run", str(runs["cyclegan"]), "--output", str(tmp_path / "out")]
    arguments += [
        "--input",
        str(tmp_path / "in" / "x.png"),
        "--direction",
        "ba",
        "--format",
        "tiff",
    ]
    assert cli.main(arguments) == 0
    with Image.open(tmp_path / "in" / "x.png") as image:
        pixels = np.asarray(image, np.float32)[None] / 127.5 - 1
    (expected,) = jaxgan.load(runs["cyclegan"]).translate(pixels, "ba")
    with Image.open(tmp_path / "out" / "x.tiff") as image:
        np.testing.assert_array_equal(image, to_picture(expected))


def test_images_are_translated_in_batches_on_which_they_do_not_depend(runs):
    model = jaxgan.load(runs["cyclegan"])
    images = RNG.uniform(-1, 1, (11, 12, 20, 3)).astype(np.float32)
    together = model.translate(images)
    assert together.shape == images.shape
    assert np.abs(together).max() <= 1
    np.testing.assert_allclose(model.translate(images[9:10])[0], together[9], atol=1e-5)
    assert not np.allclose(model.translate(images, "ba"), together)


def test_files_of_one_name_do_not_overwrite_each_other(runs, tmp_path):
    for ending in ("png", "jpg"):
        save(tmp_path / "in" / f"x.{ending}", 16, 16)
    arguments = ["translate", "--run", str(runs["cyclegan"]), "--output", str(tmp_path / "out")]
    assert cli.main([*arguments, "--input", str(tmp_path / "in"), "--format", "png"]) == 0
    names = {file.name for file in (tmp_path / "out").glob("*.png")}
    assert len(names) == 2


def test_what_cannot_be_translated_is_one_line(runs, tmp_path):
    cyclegan, pix2pix = (jaxgan.load(runs[name]) for name in ("cyclegan", "pix2pix"))
    with pytest.raises(UserError, match="is a Pix2pix, which has no direction ba"):
        pix2pix.choose_direction("ba")
    save(tmp_path / "x.png", 16, 16)
    for source, output, message in (
        (tmp_path / "nowhere", tmp_path / "out", "there is no file or folder"),
        (tmp_path, tmp_path, "holds the input, which would be lost"),
    ):
        with pytest.raises(UserError, match=message):
            cli.translate_files(cyclegan, source, output, None, None)
