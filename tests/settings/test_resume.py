"""What may change when a run is continued."""

import dataclasses

import pytest
import tiny

from jaxgan.data.sources.paired_folder import PairedFolder
from jaxgan.errors import UserError
from jaxgan.methods.dcgan import DCGAN
from jaxgan.methods.schedules import CosineDecay
from jaxgan.settings.resume import find_changes
from jaxgan.training.workdir import claim

CONFIG = tiny.get_config()
DATA = {"train": 10, "test": 2}


def change(config, **values):
    """Replace fields, named by their path with __ for the dots."""
    for path, value in values.items():
        name, _, rest = path.partition("__")
        new = change(getattr(config, name), **{rest: value}) if rest else value
        config = dataclasses.replace(config, **{name: new})
    return config


def test_equal_configs_have_no_changes():
    assert find_changes(CONFIG, tiny.get_config()) == []


def test_fields_are_named_as_on_the_command_line():
    changed = change(
        CONFIG,
        method__features=8,
        method__compute__compute_dtype="bfloat16",
        method__schedule=CosineDecay(),
        data__source__size=64,
    )
    assert [found.line for found in find_changes(CONFIG, changed)] == [
        "config.method.features was 4, is 8",
        "config.method.schedule was Constant, is CosineDecay",
        "config.method.compute_dtype was float32, is bfloat16",
        "config.data.size was 32, is 64",
    ]


@pytest.mark.parametrize(
    "values",
    [
        {"train__steps": 9},
        {"train__mesh": "data:2"},
        {"train__allow_new_data": True},
        {"method__compute__remat": True},
        {"method__sample_dropout": False},
        {"data__loading__workers": 2},
        {"data__loading__data_dir": "elsewhere"},
    ],
)
def test_what_does_not_change_the_numbers_may_change(tmp_path, values, capsys):
    with claim(tmp_path, CONFIG, DATA):
        pass
    with claim(tmp_path, change(CONFIG, **values), DATA):
        pass
    assert capsys.readouterr().out == ""


def test_the_folder_of_the_images_may_change(tmp_path):
    for root in ("a", "b"):
        with claim(tmp_path, change(CONFIG, data__source=PairedFolder(root=root)), DATA):
            pass


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"method__learning_rate": 1e-3}, "config.method.learning_rate was 0.0002, is 0.001"),
        (
            {"method__schedule": CosineDecay()},
            "config.method.schedule was Constant, is CosineDecay",
        ),
    ],
)
def test_the_learning_rate_may_change_and_is_reported(tmp_path, values, line, capsys):
    with claim(tmp_path, CONFIG, DATA):
        pass
    with claim(tmp_path, change(CONFIG, **values), DATA):
        pass
    assert f"changed since the run's last part: {line}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"method__features": 5}, "config.method.features was 4, is 5"),
        ({"method": DCGAN()}, "config.method was Pix2pix, is DCGAN"),
        ({"method__compute__accumulate": 2}, "config.method.accumulate was 1, is 2"),
        ({"train__batch_size": 4}, "config.train.batch_size was 2, is 4"),
        ({"train__seed": 1}, "config.train.seed was 0, is 1"),
        ({"data__loading__flip": False}, "config.data.flip was True, is False"),
    ],
)
def test_nothing_else_may_change(tmp_path, values, line):
    with claim(tmp_path, CONFIG, DATA):
        pass
    with (
        pytest.raises(UserError, match=f"holds a run of another config: {line}"),
        claim(tmp_path, change(CONFIG, **values), DATA),
    ):
        pass
