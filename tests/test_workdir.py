import json

import pytest

from jaxgan.errors import UserError
from jaxgan.workdir import claim, new_workdir

CONFIG = {"method": {"features": 4}, "train": {"steps": 5}, "data": {"source": {"root": "a"}}}


DATA = {"train": 10, "test": 2}


def test_folders_are_numbered_and_remain_if_anything_is_written(tmp_path):
    (tmp_path / "notes").mkdir()
    with new_workdir(tmp_path, "maps") as first, new_workdir(tmp_path, "maps") as second:
        assert first == tmp_path / "00000-maps"
        assert second == tmp_path / "00001-maps"
        (second / "config.json").touch()
    assert not first.exists()
    with new_workdir(tmp_path, "facades") as third:
        assert third == tmp_path / "00002-facades"


def test_the_config_versions_and_devices_are_written_down(tmp_path):
    with claim(tmp_path / "new" / "run", CONFIG, DATA):
        pass
    record = json.loads((tmp_path / "new" / "run" / "config.json").read_text())
    assert record["config"] == CONFIG
    assert {"jaxgan", "jax", "python"} <= record["versions"].keys()
    assert len(record["devices"]) == 8


def test_what_does_not_change_the_numbers_may_change(tmp_path):
    with claim(tmp_path, CONFIG, DATA):
        pass
    with claim(tmp_path, CONFIG | {"train": {"steps": 9}, "data": {"source": {"root": "b"}}}, DATA):
        pass
    with (
        pytest.raises(UserError, match=r"config.train.steps_more was None, is 1"),
        claim(tmp_path, CONFIG | {"train": {"steps": 9, "steps_more": 1}}, DATA),
    ):
        pass
    with (
        pytest.raises(UserError, match=r"config.method.features was 4, is 5"),
        claim(tmp_path, CONFIG | {"method": {"features": 5}}, DATA),
    ):
        pass


def test_the_images_may_not_change(tmp_path):
    with claim(tmp_path, CONFIG, DATA):
        pass
    with (
        pytest.raises(UserError, match=r"data.train was 10, is 11"),
        claim(tmp_path, CONFIG, DATA | {"train": 11}),
    ):
        pass


@pytest.mark.parametrize("text", ["{", "[]", "{}"])
def test_a_damaged_config_is_told(tmp_path, text):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(UserError, match=r"config\.json is damaged"), claim(tmp_path, CONFIG, DATA):
        pass
