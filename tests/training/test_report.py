import json
import os
import re

import numpy as np
import pytest

from jaxgan.training.report import Report, write_page


def fill(workdir, steps, start=0):
    report = Report(workdir, {"lesson": "<b>"}, start)
    for step in steps:
        report.log(step, {"loss/a": 1.0 / step, "images_per_second": 5.0})
        report.sample(step, {"input": [np.zeros((8, 8, 3))]})
    report.write_page()
    report.close()


def logged(workdir):
    return [
        json.loads(line)["step"] for line in (workdir / "metrics.jsonl").read_text().splitlines()
    ]


def test_the_page_shows_curves_samples_and_config(tmp_path):
    fill(tmp_path, [1, 2, 3])
    page = (tmp_path / "index.html").read_text()
    for part in (
        "loss\\u002fa",
        "images_per_second",
        "step_00000002.png",
        "&lt;b&gt;",
        "plotly.min.js",
    ):
        assert part in page
    assert "<b>" not in page
    assert not re.search(r"(src|href)=\"https?:", page)  # it opens without a network
    assert (tmp_path / "plotly.min.js").stat().st_size > 1e6


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_the_page_shows_the_last_warnings_whatever_was_logged_since(tmp_path, value):
    report = Report(tmp_path, {}, 0)
    report.log(1, {"loss/a": 1.0, "warning/collapsed": 1.0})
    report.log(2, {"loss/a": 1.0, "warning/collapsed": value})
    report.log(2, {"eval/kid": 0.1})
    report.write_page()
    report.close()
    assert ("WARNING: collapsed" in (tmp_path / "index.html").read_text()) == bool(value)


def test_a_run_without_logs_still_has_a_page(tmp_path):
    fill(tmp_path, [])
    assert "Nothing was logged yet" in (tmp_path / "index.html").read_text()


def test_entries_after_the_step_that_is_resumed_are_forgotten(tmp_path):
    fill(tmp_path, [1, 2, 3])
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 4, "loss/')  # a power cut
    fill(tmp_path, [3, 4], start=2)
    assert logged(tmp_path) == [1, 2, 3, 4]
    assert len(list((tmp_path / "samples").iterdir())) == 4


def test_tensorboard_events_hold_the_same_values(tmp_path):
    from tensorboardX.proto.event_pb2 import Event

    fill(tmp_path, [1, 2])
    (file,) = (tmp_path / "tensorboard").iterdir()
    content, values, position = file.read_bytes(), {}, 0
    while position < len(content):  # length, its checksum, an event, its checksum
        size = int.from_bytes(content[position : position + 8], "little")
        event = Event.FromString(content[position + 12 : position + 12 + size])
        position += 12 + size + 4
        for value in event.summary.value:
            if value.tag == "loss/a":
                values[event.step] = value.simple_value
    assert values == pytest.approx({1: 1.0, 2: 0.5})


def test_long_runs_keep_the_page_light(tmp_path):
    with (tmp_path / "metrics.jsonl").open("w") as file:
        for step in range(1, 100_001):
            file.write(f'{{"step": {step}, "loss/a": 0.123456}}\n')
    (tmp_path / "samples").mkdir()
    write_page(tmp_path, {})
    assert (tmp_path / "index.html").stat().st_size < 500_000


@pytest.mark.parametrize("share", [0, 0.5])
def test_a_script_that_was_cut_off_is_written_again(tmp_path, share):
    fill(tmp_path, [])
    whole = (tmp_path / "plotly.min.js").read_bytes()
    (tmp_path / "plotly.min.js").write_bytes(whole[: int(share * len(whole))])
    write_page(tmp_path, {})
    assert (tmp_path / "plotly.min.js").read_bytes() == whole


def test_the_name_of_the_run_is_escaped(tmp_path):
    folder = tmp_path / os.fsdecode(b"run \xe9")
    folder.mkdir()
    fill(folder, [1])
    assert "<title>run \\xe9</title>" in (folder / "index.html").read_text("utf-8")


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
    assert "copy" not in (tmp_path / "index.html").read_text()
