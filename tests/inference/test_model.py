"""A trained model in use, from Python and from the command line."""

import dataclasses
import re
import shutil
import subprocess
import sys

import jax
import numpy as np
import pytest
import tiny
from cases import METHODS
from PIL import Image

import jaxgan
from jaxgan.cli import main as cli
from jaxgan.data.loading import Loading
from jaxgan.data.sources.image_folder import ImageFolder
from jaxgan.data.unconditional import Unconditional
from jaxgan.errors import UserError
from jaxgan.images.files import read_image, write_image
from jaxgan.images.kinds import ImageKind
from jaxgan.training.trainer import train


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
    loading = Loading(load_size=16, crop_size=16, data_dir=str(data_dir))
    config = dataclasses.replace(
        tiny.get_config(),
        method=METHODS["dcgan"].method,
        data=Unconditional(source=ImageFolder(root=str(root)), loading=loading),
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
    with pytest.raises(UserError, match=r"the folder .*nowhere does not exist: "):
        jaxgan.load(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"there is no checkpoint in .*empty: give the folder of"):
        jaxgan.load(tmp_path / "empty")
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
    bands = ImageKind(channels=5, dtype="float32", value_range=(0, 80))
    (tmp_path / "in").mkdir()
    for number in range(2):
        values = np.random.default_rng(number).uniform(0, 80, (16, 16, 5)).astype(np.float32)
        write_image(tmp_path / "in" / f"{number}.npy", values)
    loading = Loading(load_size=16, crop_size=16, data_dir=str(data_dir))
    source = ImageFolder(root=str(tmp_path / "in"), image=bands)
    config = dataclasses.replace(
        tiny.get_config(),
        method=METHODS["dcgan"].method,
        data=Unconditional(source=source, loading=loading),
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


# Without the checks of types that tests have.
MISUSE = """
import sys
import numpy as np
import jaxgan
from jaxgan.errors import UserError

cyclegan, dcgan = map(jaxgan.load, sys.argv[1:])
good = np.zeros((1, 8, 8, 3), np.float32)
for model in (cyclegan, dcgan):
    print(repr(model))
for call in (
    lambda: cyclegan.translate(good[0]),
    lambda: cyclegan.translate(good[0, 0]),
    lambda: cyclegan.translate(np.zeros((1, 8, 8, 3), np.uint8)),
    lambda: cyclegan.translate(good[..., :1]),
    lambda: cyclegan.translate(good.transpose(0, 3, 1, 2)),
    lambda: cyclegan.translate(good[:0]),
    lambda: cyclegan.translate(good[:, :0]),
    lambda: cyclegan.translate([good[0], good[0, :4]]),
    lambda: cyclegan.translate("x.png"),
    lambda: cyclegan.translate(good, 0),
    lambda: cyclegan.translate(good, good),
    lambda: cyclegan.translate(good, "ac"),
    lambda: cyclegan.translate(good, seed=-1),
    lambda: cyclegan.translate(good, seed="0"),
    lambda: cyclegan.trained_generator(0),
    lambda: cyclegan.generate(1),
    lambda: dcgan.translate(good),
    lambda: dcgan.trained_generator("ab"),
    lambda: dcgan.generate(0),
    lambda: dcgan.generate(-1),
    lambda: dcgan.generate(2.5),
    lambda: dcgan.generate(1, seed=2**40),
    lambda: dcgan.interpolate(-3),
    lambda: dcgan.interpolate(3, steps=0),
    lambda: jaxgan.load(sys.argv[1], norm_statistics="batch"),
    lambda: jaxgan.export_model(sys.argv[1], "model.onnx"),
    lambda: jaxgan.export_model(dcgan, None),
    lambda: jaxgan.export_model(dcgan, b"model.onnx"),
    lambda: jaxgan.export_model(dcgan, "model.onnx", format="tflite"),
    lambda: jaxgan.export_model(dcgan, "model.onnx", format=["onnx"]),
    lambda: jaxgan.export_model(dcgan, "model.onnx", weights="float8"),
    lambda: jaxgan.export_model(dcgan, "model.onnx", weights=None),
):
    try:
        call()
    except (UserError, TypeError, ValueError) as error:
        print(f"{type(error).__name__}: {error}")
"""
SHAPE = r"expected floats \[batch, height, width, 3\] in \[-1, 1\], not "
MESSAGES = (
    *(r"Model\(CycleGAN, '.*checkpoints/1'\)", r"Model\(DCGAN, '.*checkpoints/2'\)"),
    SHAPE + r"of shape \(8, 8, 3\): pass images\[None\] for one",
    SHAPE + r"of shape \(8, 3\)",
    SHAPE + r"uint8 \(pass images / 127\.5 - 1 for values of 0 to 255\)",
    SHAPE + r"of shape \(1, 8, 8, 1\)",
    SHAPE + r"of shape \(1, 3, 8, 8\)",
    SHAPE + r"of shape \(0, 8, 8, 3\)",
    SHAPE + r"of shape \(1, 0, 8, 3\)",
    SHAPE + r"list: .*",
    SHAPE + r"of shape \(\)",
    "direction is one of ab, ba, not of type int",
    "direction is one of ab, ba, not of type ndarray",
    ".* is a CycleGAN, which has no direction ac: leave it out",
    r"seed must be at least 0 and below 4294967296, not -1",
    "seed must be an integer, not '0'",
    "direction is one of ab, ba, not of type int",
    ".* is a CycleGAN, which translates images and does not generate",
    *(".* is a DCGAN, which generates images and does not translate",) * 2,
    *("count must be at least 1, not 0", "count must be at least 1, not -1"),
    r"count must be an integer, not 2\.5",
    "seed must be at least 0 and below 4294967296, not 1099511627776",
    *("count must be at least 1, not -3", "steps must be at least 1, not 0"),
    "norm_statistics is image or running, not 'batch'",
    "a model is the result of jaxgan.load.*, not '.*",
    "output is the path of a file, not None",
    "output is the path of a file, not b'model.onnx'",
    "format is one of onnx, stablehlo, safetensors, torch, not 'tflite'",
    r"format is one of onnx, stablehlo, safetensors, torch, not \['onnx'\]",
    "weights is one of float32, float16, int8, not 'float8'",
    "weights is one of float32, float16, int8, not None",
)


def test_mistakes_from_python_say_what_is_expected(runs, run):
    command = [sys.executable, "-c", MISUSE, str(runs["cyclegan"]), str(run)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == len(MESSAGES)
    for line, message in zip(lines, MESSAGES, strict=True):
        assert re.fullmatch(message, line.removeprefix("UserError: ")), line
        assert line.startswith(("UserError: ", "Model("))
