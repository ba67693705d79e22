import json
import math
import os

import numpy as np
import pytest
import tiny
from browser import fact

from jaxgan.errors import UserError
from jaxgan.training.report import Report
from jaxgan.training.run_page import Status

CONFIG = tiny.get_config()


def fill(workdir, steps, start=0):
    with Report(workdir, CONFIG, start) as report:
        for step in steps:
            report.log(step, {"loss/a": 1.0 / step, "images_per_second": 5.0})
            report.sample(step, {"input": [np.zeros((8, 8, 3))]})
        report.write_page(Status(max(steps, default=0)))


def logged(workdir):
    return [
        json.loads(line)["step"] for line in (workdir / "metrics.jsonl").read_text().splitlines()
    ]


def test_entries_after_the_step_that_is_resumed_are_forgotten(tmp_path):
    fill(tmp_path, [1, 2, 3])
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 4, "loss/')  # a power cut
    fill(tmp_path, [3, 4], start=2)
    assert logged(tmp_path) == [1, 2, 3, 4]
    assert len(list((tmp_path / "samples").iterdir())) == 4


def test_tensorboard_events_hold_the_same_values_and_the_grids(tmp_path):
    from tensorboardX.proto.event_pb2 import Event

    with Report(tmp_path, CONFIG, 0) as report:
        for step in (1, 2):
            report.log(step, {"loss/a": 1.0 / step})
            report.sample(step, {name: [np.zeros((8, 8, 3))] for name in ("real A", "fake B")})
    (file,) = (tmp_path / "tensorboard").iterdir()
    content, values, images, position = file.read_bytes(), {}, {}, 0
    while position < len(content):  # length, its checksum, an event, its checksum
        size = int.from_bytes(content[position : position + 8], "little")
        event = Event.FromString(content[position + 12 : position + 12 + size])
        position += 12 + size + 4
        for value in event.summary.value:
            if value.tag == "loss/a":
                values[event.step] = value.simple_value
            else:
                images[event.step] = value.tag, value.image.width
    assert values == pytest.approx({1: 1.0, 2: 0.5})
    assert images == dict.fromkeys((1, 2), ("samples/real_A-fake_B", 8 + 2 + 8))


DAMAGED = [
    *(b"5", b"null", b"[1]", b"{}", b'"step"', b"{", b"", b"\0", b"\xff\xfe", b"[" * 100_000),
    *(b'{"step": %s}' % step for step in (b'"x"', b"null", b"1.5", b"true", b"[1]")),
    *(b'{"step": 1, "a": %s}' % value for value in (b'"x"', b"null", b"{}", b"true")),
    *(b'{"step": 1, "a": %s}' % value for value in (b"NaN", b"1e999", b"1" + b"0" * 400)),
]


def test_damaged_lines_are_removed_and_counted(tmp_path, capsys):
    fill(tmp_path, [1, 2])
    file = tmp_path / "metrics.jsonl"
    first, second = file.read_bytes().splitlines()
    file.write_bytes(b"\n".join([first, *DAMAGED, second, b""]))
    fill(tmp_path, [3], start=2)
    assert logged(tmp_path) == [1, 2, 3]
    assert capsys.readouterr().out == f"{file}: {len(DAMAGED)} damaged lines were removed\n"


def test_copies_of_samples_are_left_alone(tmp_path):
    fill(tmp_path, [1, 2])
    names = ["step_00000010 (copy).png", "step_x.png", "step_00000011.png.bak", "step_\u0661.png"]
    for name in names:
        (tmp_path / "samples" / name).touch()
    fill(tmp_path, [2], start=1)
    assert {*names} < {file.name for file in (tmp_path / "samples").iterdir()}
    assert "(copy)" not in (tmp_path / "index.html").read_text()


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (UserError("diverged: lower <it>"), "diverged: lower &lt;it&gt;"),
        (KeyError("x"), "KeyError"),
    ],
)
def test_the_page_says_which_error_ended_the_run(tmp_path, error, reason):
    def fail():
        with Report(tmp_path, CONFIG, 0) as report:
            report.write_page(Status(2))
            report.log(4, {"loss/a": 1.0})
            raise error

    with pytest.raises(type(error)):
        fail()
    page = (tmp_path / "index.html").read_text()
    assert '<p class="state failed"><strong>Failed</strong> at <time ' in page
    assert f"step 4 of 6: {reason}</p>" in page


def test_a_folder_that_is_gone_hides_no_error(tmp_path):
    workdir = tmp_path / "run"
    workdir.mkdir()

    def fail():
        with Report(workdir, CONFIG, 0):
            workdir.rename(tmp_path / "moved")
            raise UserError("the folder was moved")

    with pytest.raises(UserError, match="moved"):
        fail()


def test_infinite_metrics_do_not_reach_the_page(tmp_path):
    with Report(tmp_path, CONFIG, 0) as report:
        report.log(1, {"eval/psnr": math.inf, "eval/l1": 0.0})
        report.log(2, {"eval/psnr": 20.5})
        report.write_page(Status(2))
    page = (tmp_path / "index.html").read_text()
    assert fact(page, "Last evaluation") == "psnr 20.5 at step 2"
    assert "Infinity" not in page


def test_the_name_of_the_run_is_escaped(tmp_path):
    folder = tmp_path / os.fsdecode(b"run \xe9")
    folder.mkdir()
    fill(folder, [1])
    assert "<title>run \\xe9</title>" in (folder / "index.html").read_text("utf-8")
