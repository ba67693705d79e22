"""Files of images through a trained model."""

import dataclasses
import functools
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny
from paths import REFERENCE
from PIL import Image

import jaxgan.inference.folder
from jaxgan.cli import main as cli
from jaxgan.data.paired import Paired
from jaxgan.data.sources.paired_folder import PairedFolder
from jaxgan.errors import UserError
from jaxgan.images.files import read_image, write_image
from jaxgan.images.kinds import ImageKind
from jaxgan.images.pictures import to_picture
from jaxgan.inference.folder import Options, translate_files
from jaxgan.inference.model import SIZES_KEPT, _jitted_translate
from jaxgan.training.trainer import train

RNG = np.random.default_rng(0)


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
    write_image(folder / "deep.tiff", RNG.integers(0, 2**16, (18, 15, 3), np.uint16))
    write_image(folder / "array.npy", RNG.integers(0, 2**8, (18, 15, 3), np.uint8))
    save(folder / "transparent.png", 16, 16, channels=4)
    Image.new("RGB", (16, 16)).save(folder / "palette.gif")
    (folder / "broken.png").write_bytes((folder / "a.png").read_bytes()[:200])
    (folder / "notes.txt").write_text("no image")
    return folder


@pytest.mark.parametrize("name", ["pix2pix", "cyclegan"])
def test_every_file_is_translated_under_its_name_at_its_size(
    runs, pictures, tmp_path, capsys, name
):
    output = tmp_path / "out"
    arguments = ["translate", "--run", str(runs[name])]
    arguments += ["--input", str(pictures), "--output", str(output)]
    assert cli.main(arguments) == 1  # two files could not be read
    printed, errors = capsys.readouterr()
    assert "11 images written" in printed
    assert "skipped" in errors
    assert "broken.png" in errors
    assert "notes.txt: not an image" in errors
    written = {str(file.relative_to(output)) for file in output.rglob("*") if file.is_file()}
    assert written == {
        *("a.png", "b.jpg", "deep/c.webp", "one.png", "line.tiff", "gray.png"),
        *("deep/sixteen.png", "transparent.png", "palette.png", "index.html"),
        *("deep.tiff", "array.npy", ".jaxgan.json"),
        *(  # for browsers
            f"pictures/{name}.output.png" for name in ("line.tiff", "deep.tiff", "array.npy")
        ),
        *(
            f"pictures/{name}.input.png"
            for name in ("a.png", "b.jpg", "deep/c.webp", "one.png", "line.tiff", "gray.png")
        ),
        *(
            f"pictures/{name}.input.png"
            for name in ("deep/sixteen.png", "transparent.png", "palette.png")
        ),
        *(f"pictures/{name}.input.png" for name in ("deep.tiff", "array.npy")),
    }
    for file in written:
        if (pictures / file).exists():
            image, original = (read_image(folder / file, 3) for folder in (output, pictures))
            assert image.shape == original.shape
            assert image.dtype == original.dtype
    page = (output / "index.html").read_text()
    assert page.count("<figure>") == 11
    assert 'src="pictures/deep/c.webp.input.png"' in page
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
        (tmp_path / "nowhere", tmp_path / "out", "does not exist: pass a file or a folder"),
        (tmp_path, tmp_path, "holds the input, which would be lost"),
    ):
        with pytest.raises(UserError, match=message):
            translate_files(cyclegan, source, output, Options())


BANDS = ImageKind(channels=5, dtype="float32", value_range=(-10, 30), nodata=-10)
DEPTH = ImageKind(channels=1, dtype="uint16", value_range=(0, 4095))


def test_images_of_any_kind_are_trained_on_and_translated(tmp_path, data_dir):
    """A has five bands of floats, B one of 12 bits; some files are of another kind."""
    root = tmp_path / "data"
    for split, count in (("train", 4), ("test", 9)):
        for domain, kind in (("A", BANDS), ("B", DEPTH)):
            (root / f"{split}{domain}").mkdir(parents=True)
            for index in range(count):
                image = kind.denormalize(RNG.uniform(-1, 1, (36, 36, kind.channels)))
                write_image(root / f"{split}{domain}" / f"{index}.tiff", image)
    save(root / "trainA" / "rgb.png", 36, 36)
    hole = read_image(root / "testA" / "0.tiff", 5)
    hole[:9] = np.nan
    write_image(root / "testA" / "0.tiff", hole)
    config = tiny.get_config()
    source = PairedFolder(root=str(root), a=BANDS, b=DEPTH)
    loading = dataclasses.replace(config.data.loading, data_dir=str(data_dir))
    data = Paired(source=source, loading=loading)
    settings = dataclasses.replace(config.train, steps=1)
    train(dataclasses.replace(config, data=data, train=settings), tmp_path / "run")
    arguments = ["translate", "--run", str(tmp_path / "run"), "--dropout", "off"]
    arguments += ["--input", str(root / "testA"), "--output", str(tmp_path / "out")]
    assert cli.main(arguments) == 0
    model = jaxgan.load(tmp_path / "run", dropout=False)
    (held_out,) = data.held_out(data.prepare(), 9).batches
    expected = model.translate(np.asarray(data.preprocess(held_out)["input"]))
    for index in range(9):
        written = read_image(tmp_path / "out" / f"{index}.tiff", 1)
        assert written.dtype == np.uint16
        # Held-out images were resized, but to the size that they have.
        original = read_image(root / "testA" / f"{index}.tiff", 5, nodata=-10)
        output = model.translate(np.asarray(BANDS.normalize(original))[None])[0]
        # A batch and a single image may be rounded to different sides of a level.
        assert np.abs(written.astype(int) - DEPTH.denormalize(output)).max() <= 1
    assert expected.shape == (9, 32, 32, 1)


def test_floats_need_a_range_where_the_model_has_none(runs, tmp_path, capsys):
    image = RNG.uniform(0, 5, (16, 16, 3)).astype(np.float32)
    (tmp_path / "in").mkdir()
    write_image(tmp_path / "in" / "x.tiff", image)
    arguments = ["translate", "--run", str(runs["cyclegan"]), "--output", str(tmp_path / "out")]
    arguments += ["--input", str(tmp_path / "in")]
    assert cli.main(arguments) == 1
    assert "x.tiff: holds floats: pass --value_range" in capsys.readouterr().err
    assert cli.main([*arguments, "--value-range", "0", "5"]) == 0
    written = read_image(tmp_path / "out" / "x.tiff", 3)
    (expected,) = jaxgan.load(runs["cyclegan"]).translate(image[None] / 2.5 - 1)
    np.testing.assert_allclose(written, (expected + 1) * 2.5, atol=1e-5)
    assert cli.main([*arguments, "--value-range", "0", "5", "--format", "png"]) == 0
    assert read_image(tmp_path / "out" / "x.png", 3).dtype == np.uint16  # as deep as PNG gets


def test_values_beyond_the_range_are_not_translated(runs, tmp_path, capsys):
    (tmp_path / "in").mkdir()
    image = RNG.uniform(0, 5, (16, 16, 3)).astype(np.float32)
    write_image(tmp_path / "in" / "good.tiff", image)
    image[3, 4] = -9999
    write_image(tmp_path / "in" / "bad.tiff", image)
    arguments = ["translate", "--run", str(runs["cyclegan"]), "--output", str(tmp_path / "out")]
    assert cli.main([*arguments, "--input", str(tmp_path / "in"), "--value-range", "0", "5"]) == 1
    printed = capsys.readouterr()
    assert "1 images written" in printed.out
    assert "bad.tiff: holds values from -9999.0 to 4.9" in printed.err
    assert "outside of value_range 0 5" in printed.err


def test_what_was_written_below_the_input_is_not_translated_again(runs, tmp_path, capsys):
    save(tmp_path / "x.png", 16, 16)
    arguments = ["translate", "--run", str(runs["cyclegan"]), "--input", str(tmp_path)]
    for _ in range(2):
        assert cli.main([*arguments, "--output", str(tmp_path / "out")]) == 0
        assert "1 images written" in capsys.readouterr().out


@pytest.mark.parametrize("size", [(68, 100), (132, 64), (36, 20)])
def test_a_size_that_suits_the_network_enters_it_as_it_is(runs, tmp_path, size):
    """Also as a file, in the sample grids and in metrics: norms would see any padding."""
    model = jaxgan.load(runs["cyclegan"])
    translator = model.trained_generator("ab")
    save(tmp_path / "in" / "x.png", *size)
    pixels = read_image(tmp_path / "in" / "x.png", 3)
    image = np.asarray(model.config.data.kinds()["a"].normalize(pixels))[None]
    variables = {"params": translator.params}
    expected = jax.jit(translator.network.apply)(variables, image)
    np.testing.assert_allclose(model.translate(image, "ab"), expected, atol=2e-6)
    batch = {"a": jnp.asarray(image), "b": jnp.asarray(image)}
    sampled = jax.jit(model.config.method.sample)(model.state, batch, jax.random.key(0))
    np.testing.assert_allclose(sampled["fake B"], expected, atol=2e-6)
    arguments = ["translate", "--run", str(runs["cyclegan"]), "--input", str(tmp_path / "in")]
    assert cli.main([*arguments, "--output", str(tmp_path / "out")]) == 0
    written = read_image(tmp_path / "out" / "x.png", 3).astype(int)
    assert np.abs(written - (np.asarray(expected[0]) + 1) * 127.5).max() < 0.51  # rounded


def test_files_of_any_size_that_suits_come_out_as_from_pytorch(tmp_path):
    """To one gray level, which is what rounding costs."""
    numbers = np.load(REFERENCE / "sizes.npz")
    for folder in ("torch", "in"):
        (tmp_path / folder).mkdir()
    weights = REFERENCE / "G_resnet_6blocks_ngf8.pth"
    shutil.copy(weights, tmp_path / "torch" / "latest_net_G.pth")
    for name in numbers:
        if name.startswith("input"):
            Image.fromarray(numbers[name]).save(tmp_path / "in" / f"{name}.png")
    run, output = tmp_path / "run", tmp_path / "out"
    arguments = ["import-torch", "--from", str(tmp_path / "torch"), "--workdir", str(run)]
    assert cli.main(arguments) == 0
    arguments = ["--run", str(run), "--input", str(tmp_path / "in"), "--output", str(output)]
    assert cli.main(["translate", *arguments]) == 0
    for name in numbers:
        if name.startswith("output"):
            written = read_image(output / f"{name.replace('output', 'input')}.png", 3)
            difference = np.abs(written.astype(int) - numbers[name])
            assert difference.max() <= 1, name


@pytest.mark.slow
def test_programs_of_many_sizes_are_not_all_kept(runs):
    model = jaxgan.load(runs["cyclegan"])
    for width in range(8, 8 + 4 * (SIZES_KEPT + 2), 4):
        model.translate(np.zeros((1, 8, width, 3), np.float32), "ab")
    assert _jitted_translate.cache_info().currsize == SIZES_KEPT


def test_use_after_training_can_be_chosen(runs):
    images = RNG.uniform(-1, 1, (1, 32, 32, 3)).astype(np.float32)
    load = functools.partial(jaxgan.load, runs["pix2pix"])
    as_in_the_paper = load().translate(images)
    np.testing.assert_array_equal(load().translate(images), as_in_the_paper)
    assert load().trained_generator("input_to_target").dropout
    assert not load(dropout=False).trained_generator("input_to_target").dropout
    assert not np.allclose(load(norm_statistics="running").translate(images), as_in_the_paper)
    with pytest.raises(UserError, match="has no batch norm: leave norm_statistics out"):
        jaxgan.load(runs["cyclegan"], norm_statistics="running").translate(images)


def test_tiles(runs, tmp_path, capsys):
    save(tmp_path / "in" / "large.png", 70, 90)
    save(tmp_path / "in" / "small.png", 20, 20)
    arguments = ["translate", "--run", str(runs["cyclegan"]), "--output", str(tmp_path / "out")]
    arguments += ["--input", str(tmp_path / "in"), "--tile", "48"]
    for statistics, line in (("image", "one pass over it for every norm"), ("tile", "their own")):
        assert cli.main([*arguments, "--tile_statistics", statistics]) == 0
        assert line in capsys.readouterr().out
        assert read_image(tmp_path / "out" / "large.png", 3).shape == (70, 90, 3)
