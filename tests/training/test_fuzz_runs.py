"""Damaged folders of runs: the run is continued, or one line says why not."""

import json
import random
import shutil

import numpy as np
import pytest
import tiny

from jaxgan.errors import UserError
from jaxgan.settings.stored import from_json
from jaxgan.training.report import Report
from jaxgan.training.run_page import Status
from jaxgan.training.workdir import claim

SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 11))]


def go_on(workdir, step):
    """Do with a run's folder what the trainer does besides training, up to a step."""
    config = tiny.get_config()
    with (
        claim(workdir, config, {"train": 12, "test": 3}),
        Report(workdir, config, step - 1) as report,
    ):
        report.log(step, {"loss/a": 1.0})
        report.sample(step, {"input": [np.zeros((8, 8, 3))]})
        report.write_page(Status(step))
    return from_json(json.loads((workdir / "config.json").read_text())["config"])


def damage(chosen, workdir):
    """Change a file as crashes, copies, editors and synchronizing disks do."""
    files = [file for file in sorted(workdir.rglob("*")) if file.is_file() and file.name != ".lock"]
    file = chosen.choice(files)
    content = bytearray(file.read_bytes())
    kind = chosen.randrange(8)
    match kind:
        case 0:
            content = content[: chosen.randrange(len(content) + 1)]
        case 1:
            content = bytearray()
        case 2:
            content = bytearray(chosen.randbytes(100))
        case 3:
            content[chosen.randrange(len(content) or 1) :] = b"\0" * 20
        case 4 if content:
            content[chosen.randrange(len(content))] ^= 1 << chosen.randrange(8)
        case 5:
            shutil.copy(file, file.with_name(f"{file.stem} (copy){file.suffix}"))
    file.unlink()
    if kind == 6:
        file.mkdir()
    elif kind != 7:
        file.write_bytes(content)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_damaged_folder_is_continued_or_refused_in_one_line(tmp_path, seed):
    chosen = random.Random(seed)
    go_on(tmp_path / "run", 1)
    continued = 0
    for case in range(40):
        workdir = tmp_path / str(case)
        shutil.copytree(tmp_path / "run", workdir)
        damage(chosen, workdir)
        try:
            assert go_on(workdir, 2) == tiny.get_config()
            continued += 1
        except (UserError, OSError) as error:  # the console prints both as one line
            message = str(error)
            assert str(workdir) in message
            assert "\n" not in message
        shutil.rmtree(workdir)
    assert continued > 20
