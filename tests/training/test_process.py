"""`train.py` as a user starts, stops and kills it."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import jax
import numpy as np
import pytest
import tiny
import tiny_cyclegan
from paths import ROOT
from PIL import Image

from jaxgan.training.checkpoint import open_checkpoints, restore
from jaxgan.training.program import state_shapes


def start(workdir, data_dir, *arguments, prefix=(), config=tiny):
    command = [*prefix, sys.executable, str(ROOT / "train.py"), "--config", str(config.__file__)]
    command += ["--workdir", str(workdir), f"--config.data.data_dir={data_dir}", *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    environment = os.environ | {"PYTHONPATH": str(ROOT / "tests")}
    return subprocess.Popen(command, cwd=ROOT, env=environment, **pipes)


def run(workdir, data_dir, *arguments, prefix=(), config=tiny):
    process = start(workdir, data_dir, *arguments, prefix=prefix, config=config)
    output, errors = process.communicate(timeout=300)
    return process.returncode, output, errors


def wait_for(condition, process):
    deadline = time.monotonic() + 300
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.001)


def final_state(workdir, config=tiny):
    abstract = state_shapes(config.get_config())
    with open_checkpoints(workdir / "checkpoints", keep_last=3, keep_every=0) as checkpoints:
        return restore(checkpoints, abstract)


def losses(workdir):
    records = map(json.loads, (workdir / "metrics.jsonl").read_text().splitlines())
    return [
        {
            name: value
            for name, value in record.items()
            if name == "step" or name.startswith("loss/")
        }
        for record in records
    ]


@pytest.mark.parametrize(
    "config",
    [tiny, pytest.param(tiny_cyclegan, marks=pytest.mark.slow)],
    ids=lambda config: config.__name__,
)
def test_killed_during_a_save_it_continues_bit_for_bit(tmp_path, data_dir, config):
    steps = "--config.train.steps=12"
    assert run(tmp_path / "whole", data_dir, steps, config=config)[0] == 0

    killed = start(tmp_path / "killed", data_dir, steps, config=config)
    checkpoints = tmp_path / "killed" / "checkpoints"

    def saving():  # the sixth step or a later one, not finished
        names = [path.name for path in checkpoints.glob("*")]
        return any("tmp" in name and int(name.partition(".")[0]) >= 6 for name in names)

    wait_for(saving, killed)
    killed.kill()
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    unfinished = [path for path in checkpoints.glob("*") if "tmp" in path.name]
    assert unfinished

    code, output, errors = run(tmp_path / "killed", data_dir, steps, config=config)
    assert code == 0, errors
    assert "continuing after step" in output
    whole, continued = (final_state(tmp_path / name, config) for name in ("whole", "killed"))
    assert whole.step == 12
    assert all(pool.count == len(pool.images) for pool in whole.memory.values())
    jax.tree.map(np.testing.assert_array_equal, continued, whole)
    assert all(path.name.isdecimal() for path in checkpoints.glob("*"))
    assert losses(tmp_path / "killed") == losses(tmp_path / "whole")


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 0, marks=pytest.mark.slow)],
)
def test_a_signal_to_all_of_its_processes_saves_and_stops(tmp_path, data_dir, number, code):
    options = ("--config.train.steps=100000", "--config.data.workers=1")
    process = start(tmp_path, data_dir, *options, prefix=["setsid"])
    wait_for(lambda: (tmp_path / "metrics.jsonl").exists() and losses(tmp_path), process)
    os.killpg(process.pid, number)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == code
    assert "stopped and saved at step" in output
    assert "<strong>Stopped</strong>" in (tmp_path / "index.html").read_text()
    assert "Traceback" not in errors
    saved = int(output.rpartition("saved at step ")[2].partition(";")[0])
    assert final_state(tmp_path).step == saved


def test_two_processes_do_not_share_a_folder(tmp_path, data_dir):
    first = start(tmp_path, data_dir, "--config.train.steps=100000")
    wait_for((tmp_path / "config.json").exists, first)
    code, _, errors = run(tmp_path, data_dir)
    first.kill()
    first.communicate()
    assert code == 2
    assert "another process is training" in errors


def test_a_folder_that_is_moved_during_training_ends_in_one_line(tmp_path, data_dir):
    workdir = tmp_path / "run"
    process = start(workdir, data_dir, "--config.train.steps=100000")
    wait_for(lambda: (workdir / "metrics.jsonl").exists() and losses(workdir), process)
    workdir.rename(tmp_path / "moved")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "Traceback" not in errors
    assert errors.splitlines()[-1].startswith(f"error: {workdir} was moved or removed")
    assert not workdir.exists()


def test_a_folder_that_cannot_be_written_ends_in_one_line(tmp_path, data_dir):
    (tmp_path / "file").touch()
    code, _, errors = run(tmp_path / "file" / "run", data_dir)
    assert code == 2
    assert errors.startswith("error: ")
    assert len(errors.splitlines()) == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_ends_in_one_line(tmp_path, data_dir):
    tmp_path.chmod(0o500)
    code, _, errors = run(tmp_path / "run", data_dir)
    assert code == 2
    assert "Permission denied" in errors
    assert len(errors.splitlines()) == 1


@pytest.mark.slow
@pytest.mark.parametrize("kibibytes", [10, 3000])
def test_a_disk_that_takes_no_more_ends_in_one_line(tmp_path, data_dir, kibibytes):
    """A limit on the size of files fails writes as a full disk does, at different places."""
    run(tmp_path, data_dir, "--config.train.steps=2")
    limited = ["bash", "-c", f'ulimit -f {kibibytes}; exec "$@"', "bash"]
    code, _, errors = run(tmp_path, data_dir, prefix=limited)
    assert code == 2
    assert "Traceback" not in errors
    assert errors.splitlines()[-1].startswith("error: ")
    code, output, _ = run(tmp_path, data_dir)
    assert code == 0
    assert "</html>" in (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "continuing after step" in output or "already trained" in output


def test_a_disk_that_is_full_while_data_is_prepared_ends_in_one_line(tmp_path):
    limited = ["bash", "-c", 'ulimit -f 8; exec "$@"', "bash"]
    code, _, errors = run(tmp_path / "run", tmp_path / "data", prefix=limited)
    assert code == 2
    assert "Traceback" not in errors
    assert errors.splitlines()[-1].startswith("error: ")
    assert errors.endswith("run the same command again\n")
    assert not (tmp_path / "run").exists()


def test_compiled_programs_are_kept_for_the_next_start(tmp_path, data_dir, monkeypatch):
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR")
    monkeypatch.setenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    code, _, errors = run(tmp_path / "run", data_dir, "--config.train.steps=1")
    assert code == 0, errors
    assert list(tmp_path.rglob("xla/*-cache"))


QUICKLY = """
import runpy, sys
from jaxgan import progress
progress.INTERVAL = 0.001
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_output_to_a_file_is_lines_with_the_time_left(tmp_path):
    """And not bars, which are redrawn after a carriage return."""
    command = [sys.executable, "-c", QUICKLY]
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}

    def run_into_file(*arguments):
        with (tmp_path / "log").open("w+b") as log:
            run = [*command, *map(str, arguments)]
            subprocess.run(run, env=environment, stdout=log, stderr=log, check=True, timeout=300)
            log.seek(0)
            return log.read().decode()

    trained = run_into_file(
        *(ROOT / "train.py", "--config", tiny.__file__, "--workdir", tmp_path / "run"),
        *(f"--config.data.data_dir={tmp_path / 'data'}", "--config.train.steps=2"),
    )
    (tmp_path / "photos").mkdir()
    for number in range(3):
        picture = Image.new("RGB", (32, 32), (80 * number, 0, 0))
        picture.save(tmp_path / "photos" / f"{number}.png")
    translated = run_into_file(
        *(ROOT / "jaxgan" / "cli" / "main.py", "translate", "--run", tmp_path / "run"),
        *("--input", tmp_path / "photos", "--output", tmp_path / "translated"),
    )
    assert "\r" not in trained + translated
    assert re.search(
        r"^preparing train: \d+ of 12 examples, .+ examples/s, \S+ left$", trained, re.M
    )
    assert re.search(r"^step 2/2 .* images/s .* 0:00:00 left$", trained, re.M)
    assert re.search(r"^translating: 3 of 3 images, .* images/s, 00:00 left$", translated, re.M)
