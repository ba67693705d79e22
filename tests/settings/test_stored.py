"""How configs are stored, and runs of version 0.1 read."""

import dataclasses
import importlib
import json
import os
import pkgutil
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import tiny
import tiny_cyclegan
from paths import REFERENCE, ROOT

import jaxgan
from jaxgan.config import Config
from jaxgan.errors import UserError
from jaxgan.settings.resume import find_changes
from jaxgan.settings.stored import CLASSES, TAGS, from_json, own_classes, to_json

RUNS = REFERENCE / "runs_0.1.tar.gz"


@dataclass(frozen=True)
class Mine:
    """A class that is not one of jaxgan's."""

    size: int = 1


@pytest.fixture(scope="module")
def old_runs(tmp_path_factory):
    """What version 0.1 wrote: two runs of one step, their outputs, and the packaged configs."""
    folder = tmp_path_factory.mktemp("version_0_1")
    with tarfile.open(RUNS) as archive:
        archive.extractall(folder, filter="data")
    return folder


@pytest.mark.parametrize("tag", CLASSES)
def test_every_tag_names_a_dataclass(tag):
    assert dataclasses.is_dataclass(pkgutil.resolve_name(CLASSES[tag]))


def test_every_setting_has_a_tag():
    """Settings are the frozen dataclasses in these modules."""
    for name in {path.partition(":")[0] for path in CLASSES.values()}:
        module = importlib.import_module(name)
        for kind in vars(module).values():
            if (
                isinstance(kind, type)
                and dataclasses.is_dataclass(kind)
                and kind.__module__ == name
            ):
                assert f"{name}:{kind.__qualname__}" in TAGS


def test_fields_that_an_older_version_lacked_have_their_defaults():
    plain = to_json(tiny.get_config())
    del plain["train"]["epochs"]
    assert from_json(plain) == tiny.get_config()


def test_no_module_is_part_of_a_stored_config():
    assert "jaxgan." not in json.dumps(to_json(tiny_cyclegan.get_config()))


def test_json_cannot_name_code_to_import():
    elsewhere = "jaxgan.devices.processes.os.system"
    assert pkgutil.resolve_name(elsewhere) is os.system
    for name in (elsewhere, "jaxgan.config.Nothing", "jaxgan.nothing.Config:x"):
        with pytest.raises(UserError, match=r"does not fit this version .* not a part of jaxgan"):
            from_json({"type": name, "command": "exit 1"})
    for name in ("os.system", "os:system", "antigravity:x", ""):
        with pytest.raises(UserError, match=r"not one of jaxgan's, .* by --config FILE"):
            from_json({"type": name, "command": "exit 1"})
    with pytest.raises(UserError, match="does not fit this version"):
        from_json(to_json(tiny.get_config().train) | {"steps": 0})


def test_own_classes_are_read_if_they_are_given():
    plain = to_json((Mine(size=3), Mine()))
    assert plain[0] == {"type": "test_stored:Mine", "size": 3}
    assert from_json(plain, own_classes(Mine())) == (Mine(size=3), Mine())
    with pytest.raises(UserError, match="'test_stored:Mine': name the config file"):
        from_json(plain)


def test_what_json_cannot_hold_is_named():
    with pytest.raises(UserError, match=r"cannot store the PosixPath PosixPath\('a'\)"):
        to_json((Path("a"),))


def test_the_packaged_configs_of_version_0_1_are_read(old_runs):
    stored = json.loads((old_runs / "configs.json").read_text())
    assert len(stored) == 25
    for plain in stored.values():
        config = from_json(plain)
        assert isinstance(config, Config)
        assert find_changes(config, from_json(to_json(config))) == []


@pytest.mark.parametrize(
    ("name", "size", "directions"),
    [("pix2pix", 32, [None]), ("cyclegan", 16, ["ab", "ba"])],
)
def test_models_of_version_0_1_translate_as_they_did(old_runs, name, size, directions):
    model = jaxgan.load(old_runs / name)
    images = np.random.default_rng(0).uniform(-1, 1, (2, size, size, 3)).astype(np.float32)
    outputs = np.load(old_runs / "outputs.npz")
    for direction in directions:
        expected = outputs[f"{name}_{direction}" if direction else name]
        np.testing.assert_allclose(model.translate(images, direction), expected, atol=2e-5)


def test_a_run_of_version_0_1_is_continued(old_runs, tmp_path, data_dir):
    # In a process of its own: after other tests, jax 0.12 dies when it caches this program.
    workdir = shutil.copytree(old_runs / "pix2pix", tmp_path / "run")
    values = {
        "method.features": 1,
        "method.discriminator_features": 1,
        "data.data_dir": data_dir,
        "train.steps": 2,
        "train.sample_every": 0,
        "train.mesh": "data:1",
    }
    options = [f"--config.{name}={value}" for name, value in values.items()]
    command = ["train", "tests/tiny.py", f"--workdir={workdir}", *options]
    done = subprocess.run(
        [sys.executable, "-m", "jaxgan", *command], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "continuing after step 1" in done.stdout
    assert jaxgan.load(workdir).state.step == 2
    assert json.loads((workdir / "config.json").read_text())["config"]["type"] == "Config"
