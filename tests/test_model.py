"""A trained model in use, from Python and from the command line."""

import dataclasses
import re
import shutil

import jax
import numpy as np
import pytest
import tiny
from methods import METHODS
from PIL import Image

import jaxgan
from jaxgan import cli
from jaxgan.data.crops import Crops
from jaxgan.data.image_folder import ImageFolder
from jaxgan.data.unconditional import Unconditional
from jaxgan.errors import UserError
from jaxgan.image_files import read_image, write_image
from jaxgan.pixels import Pixels
from jaxgan.trainer import train


@pytest.fixture(scope="module")
def run(tmp_path_factory, data_dir):
    """A DCGAN trained for two steps on pictures of two classes, one dark and one bright."""
    root = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    for split in ("train", "test"):
        for name, base in (("dark", 0), ("bright", 128)):
            (root / split / name).mkdir(parents=True)
            for number in range(6):
                pixels = rng.integers(base, base + 100, (16, 16, 3), np.uint8)
                Image.fromarray(pixels).save(root / split / name / f"{number}.png")
    crops = Crops(load_size=16, crop_size=16, data_dir=str(data_dir))
    config = dataclasses.replace(
        tiny.get_config(),
        method=METHODS["dcgan"].method,
        data=Unconditional(source=ImageFolder(root=str(root)), crops=crops),
    )
    workdir = tmp_path_factory.mktemp("run")
    train(dataclasses.replace(config, train=dataclasses.replace(config.train, steps=2)), workdir)
    return workdir


def test_images_are_made_in_batches_of_which_they_do_not_depend(run):
    model = jaxgan.load(run)
    images = model.generate(70, seed=1)
    assert images.shape == (70, 16, 16, 3)
    assert np.abs(images).max() <= 1
    np.testing.assert_array_equal(model.generate(3, seed=1), images[:3])
    assert not np.array_equal(model.generate(3, seed=2), images[:3])
    assert len(np.unique(images.reshape(70, -1), axis=0)) == 70


def test_a_walk_passes_through_latent_points_and_keeps_their_distance(run):
    model = jaxgan.load(run)
    walk = model.interpolate(17, seed=3, steps=8)
    points = model.config.method.draw_latents(jax.random.key(3), 4)
    at_points = model.config.method.generate(model.state, points[:3])
    np.testing.assert_allclose(walk[::8], at_points, atol=1e-6)
    steps = np.abs(np.diff(walk, axis=0)).mean(axis=(1, 2, 3))
    far = np.abs(walk[0] - walk[8]).mean()
    assert steps.max() < far


@pytest.mark.parametrize("part", ["", "checkpoints", "checkpoints/2"])
def test_a_checkpoint_that_was_copied_elsewhere_is_enough(run, tmp_path, part):
    shutil.copytree(run / part, tmp_path / "copy")
    model = jaxgan.load(tmp_path / "copy")
    np.testing.assert_array_equal(model.generate(2), jaxgan.load(run).generate(2))


def test_folders_without_a_readable_checkpoint_are_told(run, tmp_path):
    with pytest.raises(UserError, match=r"there is no checkpoint in .*nowhere"):
        jaxgan.load(tmp_path / "nowhere")
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    for file in (copy / "checkpoints" / "2" / "state").rglob("*"):
        if file.is_file():
            file.write_bytes(b"")
    with pytest.raises(UserError, match="cannot be read"):
        jaxgan.load(copy)


def test_generate_writes_images_and_a_grid(run, tmp_path, capsys):
    arguments = ["generate", "--run", str(run), "--count", "5", "--output", str(tmp_path / "out")]
    assert cli.main(arguments) == 0
    names = sorted(file.name for file in (tmp_path / "out").iterdir())
    assert names == [".jaxgan.json", *(f"{number:05}.png" for number in range(5)), "grid.png"]
    with Image.open(tmp_path / "out" / "grid.png") as grid:
        assert grid.size == (48, 32)
    assert "5 images of" in capsys.readouterr().out
    assert cli.main([*arguments, "--interpolate"]) == 0


def test_images_are_generated_as_deep_as_they_were_trained_on(tmp_path, data_dir):
    bands = Pixels(channels=5, dtype="float32", value_range=(0, 80))
    (tmp_path / "in").mkdir()
    for number in range(2):
        values = np.random.default_rng(number).uniform(0, 80, (16, 16, 5)).astype(np.float32)
        write_image(tmp_path / "in" / f"{number}.npy", values)
    crops = Crops(load_size=16, crop_size=16, data_dir=str(data_dir))
    source = ImageFolder(root=str(tmp_path / "in"), image=bands)
    config = dataclasses.replace(
        tiny.get_config(),
        method=METHODS["dcgan"].method,
        data=Unconditional(source=source, crops=crops),
        train=dataclasses.replace(tiny.get_config().train, steps=1),
    )
    train(config, tmp_path / "run")
    arguments = ["generate", "--run", str(tmp_path / "run"), "--output", str(tmp_path / "out")]
    assert cli.main([*arguments, "--count", "2"]) == 0
    expected = bands.denormalize(jaxgan.load(tmp_path / "run").generate(2))
    for number in range(2):
        written = read_image(tmp_path / "out" / f"0000{number}.tiff", 5)
        np.testing.assert_array_equal(written, expected[number])
    with Image.open(tmp_path / "out" / "grid.png") as grid:  # in false color
        assert grid.size == (32, 16)


def test_the_linear_probe_tells_dark_from_bright(run, capsys):
    pytest.importorskip("sklearn")
    arguments = ["evaluate", "--run", str(run), "--metrics", "linear-probe", "--count", "12"]
    assert cli.main(arguments) == 0
    printed = capsys.readouterr().out
    assert re.search(r"linear-probe, raw pixels +1\n", printed)
    assert "trained discriminator" in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["generate", "--run", "RUN"], "--output"),
        (["generate", "--run", "RUN", "--output", "x", "--count", "0"], "count must be at least 1"),
        (["genrate"], "genrate"),
        (["evaluate", "--run", "RUN", "--metrics", "l1", "--count", "0"], "must be at least 2"),
        (["evaluate", "--run", "RUN", "--metrics", "beauty"], "linear-probe"),
    ],
)
def test_mistakes_on_the_command_line_are_one_line(run, capsys, arguments, message):
    arguments = [str(run) if argument == "RUN" else argument for argument in arguments]
    assert cli.main(arguments) == 2
    errors = capsys.readouterr().err
    assert len(errors.splitlines()) == 1
    assert message in errors
