"""What may change when a run is continued."""

import dataclasses
import json

import jax
import pytest
import tiny
from cases import METHODS, Case

from jaxgan.data.sources.paired_folder import PairedFolder
from jaxgan.errors import UserError
from jaxgan.methods.dcgan import DCGAN
from jaxgan.methods.schedules import CosineDecay
from jaxgan.settings.resume import REPORTED, REPORTED_ABOVE_ZERO, find_changes
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
        ({"train__batch_size": 4}, "config.train.batch_size was 2, is 4"),
        ({"method__compute__accumulate": 2}, "config.method.accumulate was 1, is 2"),
        ({"method__lambda_l1": 10.0}, "config.method.lambda_l1 was 100.0, is 10.0"),
        ({"data__loading__load_size": 40}, "config.data.load_size was 36, is 40"),
        ({"data__loading__flip": False}, "config.data.flip was True, is False"),
    ],
)
def test_what_leaves_the_state_usable_may_change_and_is_recorded(tmp_path, values, line, capsys):
    with claim(tmp_path, CONFIG, DATA):
        pass
    assert recorded(tmp_path) == []
    for step, config in ((400, change(CONFIG, **values)), (500, CONFIG), (600, CONFIG)):
        (tmp_path / "checkpoints" / str(step)).mkdir(parents=True)
        with claim(tmp_path, config, DATA):
            pass
    first, second = recorded(tmp_path)
    assert first == {"step": 400, "changes": [line]}
    assert second["step"] == 500
    assert capsys.readouterr().out.count("changed since the run's last part: ") == 2


def recorded(workdir):
    return json.loads((workdir / "config.json").read_text())["changes"]


def test_a_changed_batch_size_says_where_in_the_data_it_continues(tmp_path, capsys):
    with claim(tmp_path, CONFIG, DATA):
        pass
    (tmp_path / "checkpoints" / "400").mkdir(parents=True)
    with claim(tmp_path, change(CONFIG, train__batch_size=1), DATA):
        pass
    assert "continues at example 400 of" in capsys.readouterr().out


def test_other_images_are_recorded(tmp_path):
    with claim(tmp_path, CONFIG, DATA):
        pass
    with claim(tmp_path, CONFIG, DATA | {"train": 11}, allow_new_data=True):
        pass
    assert recorded(tmp_path) == [{"step": 0, "changes": ["data.train was 10, is 11"]}]


@pytest.mark.parametrize(
    "name",
    [
        *("pix2pix-instance-pixel", "cyclegan-augment-ema"),
        *("fastcut-augment-ema", "dcgan-spectral-ema"),
    ],
)
def test_a_field_that_may_change_leaves_the_shapes_of_the_state(name):
    case = METHODS[name]
    rules = (REPORTED, REPORTED_ABOVE_ZERO)
    fields = [f.name for f in dataclasses.fields(case.method) if f.metadata in rules]
    values = {name: OTHER[name] for name in fields}
    changed = change(
        case.method, **values, compute__compute_dtype="bfloat16", compute__accumulate=2
    )
    key = jax.random.key(0)
    before, after = (
        jax.eval_shape(
            lambda key, m=method, n=count: m.init(key, Case(m, case.shapes).spec(n)), key
        )
        for method, count in ((case.method, 3), (changed, 4))
    )
    assert before == after
    assert not [found for found in find_changes(case.method, changed) if not found.is_reported]


# A value for every field of a method that may change; others would fail in the test above.
OTHER = {
    "dropout": 0.25,
    "lambda_l1": 0.0,
    "lambda_cycle": 5.0,
    "lambda_identity": 0.25,
    "lambda_nce": 5.0,
    "nce_identity": True,
    "flip_equivariance": False,
    "patches": 8,
    "temperature": 0.1,
    "label_smoothing": 0.2,
    "diff_augment": False,
    "ema": 0.5,
    "r1": 2.0,
    "r1_every": 4,
    "r2": 2.0,
    "learning_rate": 1e-5,
    "beta1": 0.9,
    "schedule": CosineDecay(decay_steps=9),
}


def test_a_moving_average_cannot_be_added_or_removed(tmp_path):
    with_average = change(CONFIG, method=DCGAN(ema=0.9))
    with claim(tmp_path, with_average, DATA):
        pass
    with (
        pytest.raises(UserError, match=r"config\.method\.ema was 0\.9, is 0\.0"),
        claim(tmp_path, change(with_average, method__ema=0.0), DATA),
    ):
        pass


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"method__features": 5}, "config.method.features was 4, is 5"),
        ({"method": DCGAN()}, "config.method was Pix2pix, is DCGAN"),
        ({"method__adversarial_loss": "hinge"}, "config.method.adversarial_loss was vanilla"),
        ({"train__seed": 1}, "config.train.seed was 0, is 1"),
        ({"data__loading__crop_size": 16}, "config.data.crop_size was 32, is 16"),
        ({"data__source__size": 64}, "config.data.size was 32, is 64"),
        ({"data__direction": "ba"}, "config.data.direction was ab, is ba"),
    ],
)
def test_nothing_else_may_change(tmp_path, values, line):
    with claim(tmp_path, CONFIG, DATA):
        pass
    with (
        pytest.raises(UserError, match=f"holds a run of another config: {line}") as error,
        claim(tmp_path, change(CONFIG, **values), DATA),
    ):
        pass
    assert f"--config.train.init_from={tmp_path}" in str(error.value)
    assert recorded(tmp_path) == []
