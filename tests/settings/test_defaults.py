"""The settings of a config that the page of a run shows first."""

import dataclasses

import tiny

from jaxgan.methods.schedules import LinearDecay
from jaxgan.settings.defaults import find_settings


def test_settings_without_a_default_or_with_another_value_are_found():
    config = tiny.get_config()
    method = dataclasses.replace(config.method, schedule=LinearDecay(), lambda_l1=10.0)
    method = dataclasses.replace(
        method, compute=dataclasses.replace(method.compute, compute_dtype="bfloat16")
    )
    found = {
        name: (value, default)
        for name, value, default in find_settings(dataclasses.replace(config, method=method))
    }
    assert found == {
        "config.method": ("Pix2pix", None),
        "config.method.features": ("4", "64"),
        "config.method.discriminator_features": ("4", "64"),
        "config.method.depth": ("5", "0"),
        "config.method.discriminator_layers": ("2", "3"),
        "config.method.lambda_l1": ("10.0", "100.0"),
        "config.method.schedule": ("LinearDecay", "Constant"),
        "config.method.compute_dtype": ("bfloat16", "float32"),
        "config.data": ("Paired", None),
        "config.data.source": ("ProceduralFacades", None),
        "config.data.size": ("32", "256"),
        "config.data.train_count": ("12", "400"),
        "config.data.test_count": ("3", "106"),
        "config.data.label_maps": ("a", "none"),
        "config.data.load_size": ("36", "286"),
        "config.data.crop_size": ("32", "256"),
        "config.train.steps": ("6", None),
        "config.train.batch_size": ("2", "1"),
        "config.train.log_every": ("1", "100"),
        "config.train.sample_every": ("3", "1000"),
        "config.train.sample_count": ("2", "8"),
        "config.train.checkpoint_every": ("2", "1000"),
    }


@dataclasses.dataclass(frozen=True)
class Inner:
    size: int = 1
    count: int = 1


@dataclasses.dataclass(frozen=True)
class Outer:
    inner: Inner = Inner(size=2)


def test_the_default_of_a_part_is_the_one_of_the_field():
    """Not that of the part's class."""
    assert [*find_settings(Outer())] == []
    (found,) = find_settings(Outer(Inner(size=2, count=3)))
    assert found == ("config.inner.count", "3", "1")
