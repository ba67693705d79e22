import json
import os
import pkgutil
from pathlib import Path

import jax
import pytest
import tiny

from jaxgan.config import differences, from_json, load, to_json
from jaxgan.errors import UserError
from jaxgan.programs import make_init

ROOT = Path(__file__).parent.parent
CONFIGS = sorted((ROOT / "configs").glob("*.py"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_config_loads_survives_json_and_fits_its_images(path):
    config = load(path)
    assert from_json(json.loads(json.dumps(to_json(config)))) == config
    jax.eval_shape(make_init(config), jax.random.key(0))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_config_says_how_to_run_it(path):
    assert f"python train.py --config configs/{path.name}" in path.read_text()


@pytest.mark.parametrize("name", ["facades", "maps", "edges2shoes"])
def test_the_papers_settings(name):
    """Isola et al. 2017, section 3.3 and appendix 6.2."""
    config = load(ROOT / "configs" / f"pix2pix_{name}.py")
    method, data, train = config.method, config.data, config.train
    assert (method.learning_rate, method.beta1, method.lambda_l1) == (2e-4, 0.5, 100)
    assert (method.features, method.depth, method.discriminator_layers) == (64, 8, 3)
    assert (method.norm, method.dropout, method.sample_dropout) == ("batch", 0.5, True)
    assert (data.crops.load_size, data.crops.crop_size, data.crops.flip) == (286, 256, True)
    images, epochs, batch_size = {
        "facades": (400, 200, 1),
        "maps": (1096, 200, 1),
        "edges2shoes": (49825, 15, 4),
    }[name]
    assert train.batch_size == batch_size
    assert train.steps == epochs * (images // batch_size)


def test_json_from_elsewhere_cannot_name_other_types():
    elsewhere = "jaxgan.processes.os.system"
    assert pkgutil.resolve_name(elsewhere) is os.system
    for name in (elsewhere, "os.system", "jaxgan.config.Nothing", "jaxgan.nothing.Config", ""):
        with pytest.raises(UserError, match="does not fit this version"):
            from_json({"type": name, "command": "exit 1"})
    with pytest.raises(UserError, match="not a setting of jaxgan"):
        from_json({"type": elsewhere, "command": "exit 1"})
    with pytest.raises(UserError, match="does not fit this version"):
        from_json(to_json(tiny.get_config().train) | {"steps": 0})


def test_differences_name_the_fields_as_they_are_typed():
    old, new = to_json(tiny.get_config()), to_json(tiny.get_config())
    assert differences(old, new) == []
    new["method"]["features"] = 8
    new["method"]["compute"]["compute_dtype"] = "bfloat16"
    new["data"]["source"]["size"] = 64
    assert differences(old, new) == [
        "config.method.features was 4, is 8",
        "config.method.compute_dtype was float32, is bfloat16",
        "config.data.size was 32, is 64",
    ]
