"""Progress in terminals, and in files, pipes and notebooks."""

import contextlib
import os
import pty
import subprocess
import sys
import termios

import pytest
from paths import ROOT

from jaxgan import progress
from jaxgan.progress import show_progress


@pytest.fixture(autouse=True)
def every_line(monkeypatch):
    monkeypatch.setattr(progress, "INTERVAL", 0.01)


def test_a_file_gets_lines_with_the_time_left(monkeypatch, capsys):
    clock = [0.0]
    monkeypatch.setattr("tqdm.std.time", lambda: clock[0])
    for _ in show_progress(range(4), "translating", unit=" images"):
        clock[0] += 2
    assert capsys.readouterr().err.splitlines() == [
        "translating: 1 of 4 images,  0.50 images/s, 00:06 left",
        "translating: 2 of 4 images,  0.50 images/s, 00:04 left",
        "translating: 3 of 4 images,  0.50 images/s, 00:02 left",
        "translating: 4 of 4 images,  0.50 images/s, 00:00 left",
    ]


def test_an_unknown_total_is_left_out(monkeypatch, capsys):
    clock = [0.0]
    monkeypatch.setattr("tqdm.std.time", lambda: clock[0])
    with show_progress(what="downloading a.zip", total=0, unit="B", unit_scale=True) as bar:
        clock[0] += 2
        bar.update(4000)
    assert capsys.readouterr().err == "downloading a.zip: 4.00kB, 2.00kB/s\n"


def test_what_takes_less_than_an_interval_prints_nothing(monkeypatch, capsys):
    monkeypatch.setattr(progress, "INTERVAL", 60.0)
    assert list(show_progress(range(100), "writing", unit=" images")) == [*range(100)]
    assert capsys.readouterr().err == ""


def test_a_terminal_gets_a_bar():
    code = (
        "from jaxgan.progress import show_progress\n"
        "for _ in show_progress(range(3), 'writing', unit=' images'): pass"
    )
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    subprocess.run([sys.executable, "-c", code], stderr=theirs, cwd=ROOT, check=True)
    os.close(theirs)
    drawn = b""
    with contextlib.suppress(OSError):  # Linux raises this at the end
        while part := os.read(ours, 1000):
            drawn += part
    os.close(ours)
    drawn = drawn.decode()
    assert "\rwriting: 100%|" in drawn
    assert " of 3 images" not in drawn
