import os

import pytest

from jaxgan.errors import UserError
from jaxgan.training.runs import find_run


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Four runs, of which `middle` was continued last, and `started` has no checkpoint yet."""
    monkeypatch.chdir(tmp_path)
    for age, name in enumerate(("middle", "imported", "old", "oldest")):
        checkpoints = tmp_path / "runs" / name / "checkpoints"
        (checkpoints / "7").mkdir(parents=True)
        if name != "imported":
            (checkpoints.parent / "config.json").touch()
            os.utime(checkpoints.parent / "config.json", (1000 - age, 1000 - age))
        os.utime(checkpoints, (500 - age, 500 - age))
    (tmp_path / "runs" / "started" / "checkpoints").mkdir(parents=True)
    (tmp_path / "runs" / "notes.txt").touch()
    return tmp_path


def test_the_latest_run_is_the_one_that_was_trained_last(folders, capsys):
    assert str(find_run("latest")) == "runs/middle"
    assert capsys.readouterr().out == "the latest run is runs/middle\n"
    os.utime(folders / "runs" / "imported" / "checkpoints", (2000, 2000))
    assert str(find_run("latest")) == "runs/imported"


def test_a_folder_that_is_called_latest_is_itself(folders):
    (folders / "latest").mkdir()
    assert str(find_run("latest")) == "latest"


def test_a_folder_that_is_missing_is_named_with_the_newest_runs(folders):
    with pytest.raises(UserError) as raised:
        find_run("runs/middel")
    assert str(raised.value) == (
        "the folder runs/middel does not exist: the newest runs in ./runs are runs/middle, "
        "runs/old, runs/oldest"
    )


@pytest.mark.parametrize("run", ["latest", "runs/00000-quickstart"])
def test_without_runs_the_error_says_so(tmp_path, monkeypatch, run):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        UserError, match=f"the folder {run} does not exist: ./runs contains no runs"
    ):
        find_run(run)


def test_the_users_own_folder_may_be_abbreviated(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine").mkdir()
    assert find_run("~/mine") == tmp_path / "mine"
