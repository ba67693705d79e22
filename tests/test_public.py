"""`import jaxgan`: the names that a user needs."""

import ast
import dataclasses
import inspect
import json
import os
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


# In a process of its own: in this one, all types are checked at every call.
MISUSE = """
import sys
import jaxgan

for call in (
    lambda: jaxgan.train("quikstart", "x"),
    lambda: jaxgan.train(3, "x"),
    lambda: jaxgan.train("quickstart", ""),
    lambda: jaxgan.train("quickstart", None),
    lambda: jaxgan.evaluate("no/run", "l1"),
    lambda: jaxgan.evaluate("no/run", "fidd"),
    lambda: jaxgan.evaluate("no/run", ["l1"]),
    lambda: jaxgan.evaluate("no/run", "l1", count=1),
    lambda: jaxgan.evaluate("no/run", "l1", count="all"),
    lambda: jaxgan.evaluate("no/run", "l1", seed=-1),
    lambda: jaxgan.evaluate("no/run", "l1", resize="nearest"),
    lambda: jaxgan.evaluate("no/run", "l1", split=3),
    lambda: jaxgan.evaluate(sys.argv[1], "l1", norm_statistics="batch"),
    lambda: jaxgan.evaluate(sys.argv[1], "l1", config="quikstart"),
):
    try:
        call()
    except jaxgan.UserError as error:
        print(error)
"""
TYPO = "config quikstart not found: perhaps you meant quickstart; "
MESSAGES = (
    TYPO,
    "config must be a Config, the name of a packaged config or a config file, not int",
    "workdir must be a folder, not ''",
    "workdir must be a folder, not None",
    "the folder no/run does not exist: ./runs contains no runs",
    "unknown metric fidd: choose from fid, kid",
    "metrics must be text such as 'fid,kid', not ['l1']",
    "count must be at least 2",
    "count must be int, not 'all'",
    "seed must be at least 0 and below 2**32",
    "resize must be Literal['clean', 'original', 'pytorch-fid'], not 'nearest'",
    "split must be str | None, not 3",
    "norm_statistics is image or running, not 'batch'",
    TYPO,
)


def test_mistakes_are_errors_of_one_line(runs, tmp_path):
    command = [sys.executable, "-c", MISUSE, str(runs["pix2pix"])]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    for line, message in zip(done.stdout.splitlines(), MESSAGES, strict=True):
        assert line.startswith(message)
    assert not list(tmp_path.iterdir())
