"""Methods and data sets that are defined in a user's config file."""

import dataclasses

import numpy as np
import pytest
import tiny
from paths import CONFIGS
from PIL import Image

import jaxgan
from jaxgan.cli import main as cli
from jaxgan.config import Config, from_plain, load
from jaxgan.errors import UserError
from jaxgan.images.files import read_image
from jaxgan.settings.stored import to_json
from jaxgan.training.trainer import train

L1_ONLY = CONFIGS / "l1_only.py"


def test_a_method_in_a_config_file_trains_resumes_and_translates(tmp_path, facades, capsys):
    method = dataclasses.replace(load(L1_ONLY).method, features=2, depth=5)
    for steps in (1, 2):
        settings = dataclasses.replace(tiny.get_config().train, steps=steps)
        train(Config(method=method, data=facades, train=settings), tmp_path / "run")
    assert "continuing after step 1" in capsys.readouterr().out

    pixels = np.random.default_rng(0).integers(256, size=(32, 32, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "input.png")
    arguments = [f"--run={tmp_path / 'run'}", f"--input={tmp_path / 'input.png'}"]
    arguments = ["translate", *arguments, f"--output={tmp_path / 'output'}"]
    assert cli.main(arguments) == 2
    assert "'config_l1_only:L1Only': name the config file" in capsys.readouterr().err
    assert cli.main([*arguments, "--config=l1_only"]) == 0
    export = ["export", "--format=torch", f"--run={tmp_path / 'run'}", f"--output={tmp_path / 'torch'}"]
    assert cli.main([*export, f"--config={L1_ONLY}"]) == 2
    assert "PyTorch's references have no L1Only" in capsys.readouterr().err
    model = jaxgan.load(tmp_path / "run", config=L1_ONLY)
    (expected,) = model.translate(pixels[None] / np.float32(127.5) - 1)
    written = read_image(tmp_path / "output" / "input.png", 3)
    np.testing.assert_allclose(written, (expected + 1) * 127.5, atol=0.6)


OWN_SOURCE = """
from __future__ import annotations
import dataclasses
from dataclasses import dataclass
from jaxgan.config import Config
from jaxgan.data.facades.dataset import ProceduralFacades
import beside

@dataclass(frozen=True, kw_only=True)
class Drawn(ProceduralFacades):
    count: int = 5

def get_config():
    config = beside.tiny.get_config()
    source = Drawn(size=32, train_count=2, test_count=1)
    return dataclasses.replace(config, data=dataclasses.replace(config.data, source=source))
"""


def test_a_source_in_a_config_file_is_stored_and_read(tmp_path):
    """The file imports a module of its folder, and its annotations are text."""
    (tmp_path / "beside.py").write_text("import tiny")
    (tmp_path / "own.py").write_text(OWN_SOURCE)
    stored = to_json(load(tmp_path / "own.py"))
    assert stored["data"]["source"]["type"] == "config_own:Drawn"
    again = load(tmp_path / "own.py")
    assert from_plain(stored, again) == again
    with pytest.raises(UserError, match="'config_own:Drawn'"):
        from_plain(stored)
    with pytest.raises(UserError, match="not a config of jaxgan"):
        from_plain(stored["train"])
