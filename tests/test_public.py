"""`import jaxgan`: the names that a user needs."""

import ast
import dataclasses
import inspect
import json
import pkgutil
import subprocess
import sys

import pytest
import tiny
from paths import ROOT

import jaxgan
from jaxgan import public
from jaxgan.cli import main as cli
from jaxgan.settings.stored import CLASSES


def test_every_public_name_resolves():
    imports = ast.parse(inspect.getsource(public)).body[1:]  # after the docstring
    assert {*jaxgan.__all__} == {alias.name for line in imports for alias in line.names}
    for name in jaxgan.__all__:
        assert getattr(jaxgan, name) is getattr(public, name)
    assert {*jaxgan.__all__} <= {*dir(jaxgan)}
    with pytest.raises(AttributeError, match="has no attribute 'lode'"):
        jaxgan.lode  # noqa: B018


@pytest.mark.parametrize("name", CLASSES)
def test_what_a_config_can_hold_is_public(name):
    assert getattr(jaxgan, name) is pkgutil.resolve_name(CLASSES[name])


def test_the_import_does_not_wait_for_jax():
    code = "import sys, jaxgan; dir(jaxgan); print('jax' in sys.modules, jaxgan.__version__)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == f"False {jaxgan.__version__}\n"


def test_a_run_is_trained_and_evaluated_as_by_the_commands(tmp_path, facades, capsys):
    settings = dataclasses.replace(
        tiny.get_config().train, steps=2, sample_every=0, eval_every=2, eval_metrics="l1"
    )
    config = dataclasses.replace(tiny.get_config(), data=facades, train=settings)
    assert jaxgan.train(config, str(tmp_path / "run")) is None
    records = map(json.loads, (tmp_path / "run" / "metrics.jsonl").read_text().splitlines())
    (during,) = (record["eval/l1"] for record in records if "eval/l1" in record)

    (result,) = jaxgan.evaluate(tmp_path / "run", "l1", split="test")
    assert result.value == pytest.approx(during)
    assert cli.main(["evaluate", f"--run={tmp_path / 'run'}", "--metrics=l1", "--split=test"]) == 0
    written = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert written == [result._asdict()]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("quikstart", "x"), "there is no config quikstart: perhaps you meant quickstart"),
        ((3, "x"), "config must be a Config, the name of a packaged config .*, not int"),
        (("quickstart", ""), "workdir must be a folder, not ''"),
        (("quickstart", None), "workdir must be a folder, not None"),
    ],
)
def test_what_cannot_be_trained_is_an_error_of_one_line(arguments, message):
    with pytest.raises(jaxgan.UserError, match=message):
        jaxgan.train(*arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"metrics": "fidd"}, "unknown metric fidd"),
        ({"metrics": ["l1"]}, "metrics must be text such as 'fid,kid'"),
        ({"count": 1}, "count must be at least 2"),
        ({"count": "all"}, "count must be int, not 'all'"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"resize": "nearest"}, "resize must be one of clean, original, pytorch-fid"),
        ({"split": 3}, "split must be"),
        ({"direction": "ba"}, "has no direction ba"),
        ({"dropout": True, "run": "no/run"}, "there is no folder no/run"),
    ],
)
def test_what_cannot_be_evaluated_is_an_error_of_one_line(runs, arguments, message):
    with pytest.raises(jaxgan.UserError, match=message):
        jaxgan.evaluate(**{"run": runs["pix2pix"], "metrics": "l1"} | arguments)
