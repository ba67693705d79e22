import re

import jax
from cases import METHODS

from jaxgan.training.progress import Progress, warnings_in


def test_a_line_shows_losses_speed_and_warnings(capsys):
    progress = Progress(steps=10, batch_size=4, step=0)
    values = {"loss/a": 0.5, "accuracy/d": 1.0, "warning/x": 0.0, "warning/colors_inverted_ab": 1.0}
    speed = progress.line(5, values)
    line = capsys.readouterr().out
    assert line.startswith("step 5/10  a 0.500  ")
    assert "accuracy" not in line
    assert "WARNING: x" not in line
    assert "left  WARNING: colors_inverted_ab (translations look like negatives: start " in line
    assert line.endswith("or a higher --config.method.lambda_identity)\n")
    assert speed["images_per_second"] > 0
    assert speed["data_wait"] == 0


def test_every_warning_of_a_method_comes_with_advice():
    warned = set()
    for case in METHODS.values():
        spec = case.spec(2)
        state = jax.eval_shape(lambda key, c=case, s=spec: c.method.init(key, s), jax.random.key(0))
        _, metrics = jax.eval_shape(case.method.train_step, state, spec, jax.random.key(0))
        warned |= {name for name in metrics if name.startswith("warning/")}
    assert len(warned) == 3
    for name in warned:
        assert re.fullmatch(r"\w+ \(.+: .+ --config\..+\)", *warnings_in({name: 1.0}))


def test_a_warning_of_another_method_is_shown_without_advice():
    assert warnings_in({"warning/mine": 1.0, "warning/collapsed": 0.0}) == ["mine"]


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
    assert speed == {"steps_per_second": 0.5, "images_per_second": 1.5, "data_wait": 0.25}
    assert "0:00:16 left" in capsys.readouterr().out  # 8 steps of 2 seconds
