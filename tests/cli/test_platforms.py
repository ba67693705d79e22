"""What differs between operating systems, on the one that the tests run on."""

import os
import subprocess
import sys

import numpy as np
import pytest
from paths import ROOT
from PIL import Image

from jaxgan.data.loading import DATA_DIR

# What Windows lacks: `fcntl`, and the wheel of array_record, which Grain does without there alone.
WITHOUT = """
import platform, runpy, sys
sys.modules["fcntl"] = sys.modules["array_record"] = None
system, platform.system = platform.system, lambda: "Windows"
import grain
platform.system = system
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def run(script, *arguments):
    command = [sys.executable, "-c", WITHOUT, str(ROOT / script), *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_folder_is_trained_on_without_fcntl_and_array_record(tmp_path):
    rng, pairs = np.random.default_rng(0), tmp_path / "pairs" / "train"
    pairs.mkdir(parents=True)
    for index in range(4):
        picture = rng.integers(0, 256, (32, 64, 3), np.uint8)
        Image.fromarray(picture).save(pairs / f"{index}.png")
    workdir, data = tmp_path / "run", tmp_path / "data"
    train = ("train.py", "--config", "configs/pix2pix_folder.py", "--workdir", workdir)
    train += (f"--config.data.root={pairs.parent}", f"--config.data.data_dir={data}")
    train += ("--config.data.load_size=36", "--config.data.crop_size=32", "--config.method.depth=5")
    train += ("--config.method.features=4", "--config.method.discriminator_features=4")
    assert "data: 4 train" in run(*train, "--config.train.steps=2")
    assert list(data.rglob("*.parquet*"))
    assert not list(data.rglob("*.array_record*"))
    assert "continuing" in run(*train, "--config.train.steps=3")
    output = tmp_path / "out"
    arguments = ("--run", workdir, "--input", pairs, "--output", output)
    assert "4 images written" in run("jaxgan/cli/main.py", "translate", *arguments)
    with Image.open(output / "0.png") as translated:
        assert translated.size == (64, 32)


def test_data_sets_are_where_tfds_has_its_own():
    from tensorflow_datasets.core.constants import DATA_DIR as EXPECTED

    assert DATA_DIR == EXPECTED


def test_help_and_typing_errors_do_not_wait_for_jax():
    """Importing JAX takes three seconds on a slow machine, in which nothing can be seen."""
    for *program, arguments in (
        ("train.py", "--help"),
        ("train.py", "--version"),
        ("train.py", "--config configs/quickstat.py"),
        ("-m", "jaxgan", ""),
        ("-m", "jaxgan", "--help"),
        ("-m", "jaxgan", "--version"),
        ("-m", "jaxgan", "--tyro-print-completion bash"),
        ("-m", "jaxgan", "configs"),
        ("-m", "jaxgan", "train --help"),
        ("-m", "jaxgan", "train quickstat"),
        ("-m", "jaxgan", "translate --rum x"),
    ):
        command = [sys.executable, "-X", "importtime", *program, *arguments.split()]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
        assert "jaxgan.cli.console" in imported
        assert imported.isdisjoint({"jax", "flax", "optax", "tensorflow_datasets"})
