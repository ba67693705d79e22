import itertools

import disks
import pytest
from tensorboardX.proto.event_pb2 import Event, SessionLog

from jaxgan.training.events import Events


def read(folder):
    (file,) = folder.iterdir()
    content = file.read_bytes()
    while content:  # length, its checksum, the event, its checksum
        length = int.from_bytes(content[:8], "little")
        yield Event.FromString(content[12 : 12 + length])
        content = content[16 + length :]


def test_a_full_disk_is_an_error_of_the_next_events(tmp_path):
    """And not the end of a thread, for which training would wait for ever."""
    events = Events(tmp_path / "events", 1)

    def log():
        for step in itertools.count(1):
            events.add_scalar("loss", 1.0, step)

    with disks.full_at(2**14), pytest.raises(OSError, match="File too large"):
        log()
    events.close()


def test_earlier_events_are_void_from_the_step_at_which_a_run_goes_on(tmp_path):
    events = Events(tmp_path / "events", 7)
    events.add_scalar("loss", 0.5, 7)
    events.close()
    version, start, loss = read(tmp_path / "events")
    assert version.file_version == "brain.Event:2"
    assert (start.step, start.session_log.status) == (7, SessionLog.START)
    assert (loss.step, loss.summary.value[0].tag) == (7, "loss")
    assert loss.summary.value[0].simple_value == 0.5


def test_events_can_be_seen_soon(tmp_path, monkeypatch):
    monkeypatch.setattr("jaxgan.training.events.FLUSH", 0)
    events = Events(tmp_path / "events", 1)
    events.add_scalar("loss", 0.5, 1)
    assert len(list(read(tmp_path / "events"))) == 3
    events.close()
