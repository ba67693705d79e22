from jaxgan.training.progress import Progress


def test_a_line_shows_losses_speed_and_warnings(capsys):
    progress = Progress(steps=10, batch_size=4, step=0)
    values = {"loss/a": 0.5, "accuracy/d": 1.0, "warning/x": 0.0, "warning/colors_inverted_ab": 1.0}
    speed = progress.line(5, values)
    line = capsys.readouterr().out
    assert line.startswith("step 5/10  a 0.500  ")
    assert "accuracy" not in line
    assert "WARNING: x" not in line
    assert line.endswith("left  WARNING: colors_inverted_ab\n")
    assert speed["images_per_second"] > 0
    assert speed["data_wait"] == 0


def test_waiting_counts_and_pauses_do_not(monkeypatch, capsys):
    clock = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    progress = Progress(steps=20, batch_size=3, step=10)
    with progress.waiting():
        clock[0] += 1
    with progress.paused():
        clock[0] += 100
    clock[0] += 3
    speed = progress.line(12, {})
    assert speed == {"images_per_second": 1.5, "data_wait": 0.25}
    assert "0:00:16 left" in capsys.readouterr().out  # 8 steps of 2 seconds
