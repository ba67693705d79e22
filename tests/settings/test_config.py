import dataclasses
import json

import pytest
import tiny
from paths import ROOT

from jaxgan.config import count_steps, load
from jaxgan.data.facades.dataset import FacadePictures
from jaxgan.data.loading import Loading
from jaxgan.data.unconditional import Unconditional
from jaxgan.errors import UserError
from jaxgan.methods.dcgan import DCGAN
from jaxgan.methods.pix2pix import Pix2pix
from jaxgan.methods.schedules import LinearDecay
from jaxgan.settings.stored import from_json, own_classes, to_json
from jaxgan.training.program import resolve, state_shapes

CONFIGS = sorted((ROOT / "configs").glob("*.py"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_config_loads_survives_json_and_fits_its_images(path):
    config = load(path)
    assert from_json(json.loads(json.dumps(to_json(config))), own_classes(config)) == config
    state_shapes(resolve(config))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_config_says_how_to_run_it(path):
    assert f"jaxgan train {path.stem}" in path.read_text()


@pytest.mark.parametrize("name", ["facades", "maps", "edges2shoes"])
def test_the_papers_settings(name):
    """Isola et al. 2017, section 3.3 and appendix 6.2."""
    config = resolve(load(ROOT / "configs" / f"pix2pix_{name}.py"))
    method, data, train = config.method, config.data, config.train
    assert (method.learning_rate, method.beta1, method.lambda_l1) == (2e-4, 0.5, 100)
    assert (method.features, method.depth, method.discriminator_layers) == (64, 8, 3)
    assert (method.norm, method.dropout, method.sample_dropout) == ("batch", 0.5, True)
    assert (data.loading.load_size, data.loading.crop_size, data.loading.flip) == (286, 256, True)
    images, epochs, batch_size = {
        "facades": (400, 200, 1),
        "maps": (1096, 200, 1),
        "edges2shoes": (49825, 15, 4),
    }[name]
    assert train.batch_size == batch_size
    assert train.steps == epochs * (images // batch_size)
    if name != "edges2shoes":
        schedule = LinearDecay(constant_steps=100 * images, decay_steps=100 * images)
        assert method.schedule == schedule


def test_a_method_and_data_that_do_not_fit_are_named():
    config = dataclasses.replace(tiny.get_config(), method=DCGAN(image_size=0))
    with pytest.raises(UserError, match="DCGAN does not fit Paired data, which has no 'image'"):
        resolve(config)


@pytest.mark.parametrize(("crop_size", "depth"), [(256, 8), (512, 8), (128, 7), (96, 5), (36, 2)])
def test_the_depth_of_a_unet_follows_from_the_size_of_the_images(crop_size, depth):
    data = tiny.get_config().data
    loading = dataclasses.replace(data.loading, load_size=crop_size, crop_size=crop_size)
    data = dataclasses.replace(data, loading=loading)
    config = dataclasses.replace(tiny.get_config(), method=Pix2pix(features=1), data=data)
    assert resolve(config).method.depth == depth
    given = dataclasses.replace(config, method=Pix2pix(features=1, depth=2))
    assert resolve(given).method.depth == 2
    too_deep = dataclasses.replace(config, method=Pix2pix(features=1, depth=10))
    with pytest.raises(UserError, match=f"choose another size, or --config.method.depth={depth}"):
        state_shapes(too_deep)


def test_the_size_of_dcgans_images_follows_from_the_crop():
    loading = Loading(load_size=40, crop_size=32)
    data = Unconditional(source=FacadePictures(), loading=loading)
    config = dataclasses.replace(
        tiny.get_config(), method=DCGAN(features=1, image_size=0), data=data
    )
    assert resolve(config).method.image_size == 32


def test_a_size_that_cannot_be_halved_twice_is_refused():
    data = tiny.get_config().data
    loading = dataclasses.replace(data.loading, load_size=50, crop_size=50)
    data = dataclasses.replace(data, loading=loading)
    with pytest.raises(
        UserError, match=r"which 50x50 does not allow: choose a --config\.data\.crop_size"
    ):
        resolve(dataclasses.replace(tiny.get_config(), method=Pix2pix(), data=data))


def test_epochs_are_steps_of_the_data_set(facades, capsys):
    """12 pairs three times, 2 at a time; rounded up to whole calls of 4 steps."""
    config = dataclasses.replace(tiny.get_config(), data=facades)
    splits = facades.prepare()
    for at_once, steps in ((1, 18), (4, 20)):
        train = dataclasses.replace(
            config.train, steps=4, epochs=3, steps_per_dispatch=at_once,
            log_every=0, sample_every=0, checkpoint_every=0,
        )  # fmt: skip
        counted = count_steps(dataclasses.replace(config, train=train), splits)
        assert counted.train.steps == steps
        assert f"3 epochs of 12 examples are {steps} steps" in capsys.readouterr().out
    assert count_steps(config, splits) is config
