import dataclasses
import datetime
import json
import sys
import time

import pytest
import tiny

from jaxgan import __version__
from jaxgan.errors import UserError
from jaxgan.settings.stored import to_json
from jaxgan.training.workdir import claim, new_workdir

CONFIG = tiny.get_config()
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
    assert record["config"] == to_json(CONFIG)
    assert record["versions"]["jaxgan"] == __version__
    assert {"jax", "python"} <= record["versions"].keys()
    assert len(record["devices"]) == 8


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (["train.py", "--config", "x y.py"], ["python", "train.py", "--config", "x y.py"]),
        (["/bin/jaxgan", "train", "quickstart"], ["jaxgan", "train", "quickstart"]),
        (["/lib/jaxgan/__main__.py", "train", "a"], ["jaxgan", "train", "a"]),
        (["/lib/pytest/__main__.py", "tests"], None),
        (["notebook.py"], None),
    ],
)
def test_the_command_and_the_time_of_the_first_start_are_written_down(
    tmp_path, monkeypatch, arguments, command
):
    monkeypatch.setattr(sys, "argv", arguments)
    started = []
    for _ in range(2):
        with claim(tmp_path, CONFIG, DATA):
            record = json.loads((tmp_path / "config.json").read_text())
        assert record["command"] == command
        started.append(datetime.datetime.fromisoformat(record["started"]))
        time.sleep(1.1)
    assert started[0] == started[1]
    assert started[0].tzinfo
    (tmp_path / "config.json").write_text(
        json.dumps({name: part for name, part in record.items() if name != "started"})
    )
    with claim(tmp_path, CONFIG, DATA):  # a run of version 0.1
        assert json.loads((tmp_path / "config.json").read_text())["started"] is None


def test_the_images_may_not_change(tmp_path):
    with claim(tmp_path, CONFIG, DATA):
        pass
    with (
        pytest.raises(UserError, match=r"data.train was 10, is 11"),
        claim(tmp_path, CONFIG, DATA | {"train": 11}),
    ):
        pass


def prints(**fingerprints):
    return {"train": "one", "test": "two"} | fingerprints


def test_replaced_images_need_a_flag_to_go_on(tmp_path, capsys):
    with claim(tmp_path, CONFIG, DATA, prints()):
        pass
    with claim(tmp_path, CONFIG, DATA, prints()):
        pass
    with (
        pytest.raises(UserError) as error,
        claim(tmp_path, CONFIG, DATA, prints(train="other")),
    ):
        pass
    message = str(error.value)
    assert "\n" not in message
    assert "data.train still has 10 images, but not the same ones" in message
    assert "data.test" not in message
    assert "--config.train.allow_new_data=True" in message
    assert capsys.readouterr().out == ""
    more = DATA | {"test": 3}
    with claim(tmp_path, CONFIG, more, prints(train="other"), allow_new_data=True):
        pass
    printed = capsys.readouterr().out
    assert (
        "continues with different images: data.test was 2, is 3; data.train still has 10" in printed
    )
    with claim(tmp_path, CONFIG, more, prints(train="other")):
        pass
    assert capsys.readouterr().out == ""


def test_the_flag_is_no_other_config(tmp_path):
    with claim(tmp_path, CONFIG, DATA):
        pass
    for value in (True, False):
        train = dataclasses.replace(CONFIG.train, allow_new_data=value)
        config = dataclasses.replace(CONFIG, train=train)
        with claim(tmp_path, config, DATA):
            pass


def test_what_is_not_known_is_not_compared_and_not_forgotten(tmp_path):
    for known in (prints(), {}, {"train": "one"}):
        with claim(tmp_path, CONFIG, DATA, known):
            pass
    for changed in ({"train": "other"}, {"test": "other"}):
        with pytest.raises(UserError, match="other images"), claim(tmp_path, CONFIG, DATA, changed):
            pass
    with claim(tmp_path, CONFIG, DATA, {"train": "other"}, allow_new_data=True):
        pass
    assert json.loads((tmp_path / "config.json").read_text())["fingerprints"] == {"train": "other"}


def test_a_run_of_version_0_1_goes_on_and_has_fingerprints_from_then_on(tmp_path):
    """It did not read all splits, and kept no fingerprints."""
    (tmp_path / "config.json").write_text(json.dumps({"config": to_json(CONFIG), "data": DATA}))
    with (
        pytest.raises(UserError, match=r"data.train was 10, is 11"),
        claim(tmp_path, CONFIG, {"train": 11, "test": 2}, prints()),
    ):
        pass
    with claim(tmp_path, CONFIG, DATA | {"val": 1}, prints(val="three")):
        pass
    with (
        pytest.raises(UserError, match=r"data.val still has 1 images, but not the same"),
        claim(tmp_path, CONFIG, DATA | {"val": 1}, prints(val="four")),
    ):
        pass
    with pytest.raises(UserError, match=r"data.val was 1, is None"), claim(tmp_path, CONFIG, DATA):
        pass


@pytest.mark.parametrize("text", ["{", "[]", "{}"])
def test_a_damaged_config_is_told(tmp_path, text):
    check_damaged(tmp_path, text)


@pytest.mark.parametrize("changes", [None, 5, ["x"], [{"step": 1}], [{"step": 1, "changes": 5}]])
def test_a_damaged_list_of_changes_is_told(tmp_path, changes):
    record = {"config": to_json(CONFIG), "data": DATA, "changes": changes}
    check_damaged(tmp_path, json.dumps(record))


def check_damaged(tmp_path, text):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(UserError, match=r"config\.json is damaged"), claim(tmp_path, CONFIG, DATA):
        pass
