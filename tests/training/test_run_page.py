"""The page of a run: what it says."""

import dataclasses
import html
import json
import re

import pytest
import tiny_cyclegan
from browser import fact
from cases import METHODS
from run_pages import CONFIG, RUN, page_of

from jaxgan.training.curves import make_curves
from jaxgan.training.run_page import Status, write_page


def data_of(page):
    """Return what the scripts of a page show."""
    return json.loads(re.findall(r'<script id="data".*?>(.*?)</script>', page)[0])


def commands_of(page):
    return [html.unescape(line) for line in re.findall(r'"command"><code>(.*?)</code>', page)]


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (Status(3), "<strong>Running</strong> as of <time"),
        (Status(3, "stopped"), "<strong>Stopped</strong> at <time"),
        (Status(6, "finished"), "<strong>Finished</strong> at <time"),
    ],
)
def test_the_head_says_the_state_and_when_it_was_true(tmp_path, status, text):
    page = page_of(tmp_path, status)
    assert text in page
    assert f"step {status.step} of 6</p>" in page
    assert f'<progress aria-label="Steps" max="6" value="{status.step}">' in page
    assert ("the run was interrupted" in page) == (status.state == "running")


def test_the_head_says_time_speed_and_surroundings(tmp_path):
    """Two steps of two images at 1 image/s and two at 4 take 5 s; 2 steps remain."""
    speeds = {2: 1.0, 4: 4.0}
    records = [{"step": step, "steps_per_second": speed / 2} for step, speed in speeds.items()]
    page = page_of(tmp_path, Status(4), records)
    assert fact(page, "Time") == "5 s of training, about 2 s left"
    assert fact(page, "Speed") == "2.5 images per second"
    assert fact(page, "Method") == "Pix2pix"
    assert fact(page, "Data") == "Paired: 12 train, 3 test"
    assert fact(page, "Devices") == "2 x TPU v5"
    assert fact(page, "Versions") == "jaxgan 9.8.7, jax 0.10.2"
    assert fact(page, "Started") == "2026-01-02 03:04 UTC"


@pytest.mark.parametrize(
    ("speed", "time"),
    [(0.1, "about 40 s left"), (0.01, "about 7 min left"), (1e-4, "about 11 h 7 min left")],
)
def test_times_are_rounded(tmp_path, speed, time):
    records = [{"step": 4, "steps_per_second": speed / 2}]
    assert fact(page_of(tmp_path, Status(4), records), "Time").endswith(time)


@pytest.mark.parametrize("speed", [0.0, -1.0])
def test_an_impossible_speed_is_not_shown(tmp_path, speed):
    records = [{"step": 4, "steps_per_second": speed / 2}]
    assert "<dt>Time</dt>" not in page_of(tmp_path, Status(4), records)


def test_a_page_without_a_record_of_the_run_leaves_facts_out(tmp_path):
    page = page_of(tmp_path, run={})
    assert re.findall("<dt>(.*?)</dt>", page) == ["Method"]
    (tmp_path / "config.json").write_text("{")
    write_page(tmp_path, CONFIG, Status(0), [])
    assert fact((tmp_path / "index.html").read_text(), "Method") == "Pix2pix"


def test_the_last_and_the_best_evaluation_are_shown(tmp_path):
    (tmp_path / "best" / "2").mkdir(parents=True)
    (tmp_path / "best" / "4.orbax-checkpoint-tmp").mkdir()
    records = [{"step": step, "eval/psnr": 30 - step / 8, "eval/l1": 0.5} for step in (2, 4)]
    page = page_of(tmp_path, Status(4), records)
    assert fact(page, "Last evaluation") == "psnr 29.5, l1 0.5 at step 4"
    assert fact(page, "Best evaluation") == "psnr 29.75, l1 0.5 at step 2"


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_the_last_warnings_are_shown_whatever_was_logged_since(tmp_path, value):
    records = [
        {"step": 1, "loss/a": 1.0, "warning/collapsed": 1.0},
        {"step": 2, "loss/a": 1.0, "warning/collapsed": value},
        {"step": 2, "eval/kid": 0.1},
    ]
    page = page_of(tmp_path, Status(2), records)
    shown = re.findall(r'<div class="warnings"><strong>(.*?)</strong><p>(.*?)</p>', page)
    assert [step for step, _ in shown] == ["Warnings at step 2"] * int(value)
    assert all("collapsed" in text for _, text in shown)


def test_commands_continue_the_run_and_use_it(tmp_path):
    workdir = tmp_path / "a run"
    workdir.mkdir()
    first, translate, demo, tensorboard = commands_of(page_of(workdir, Status(3, "stopped")))
    assert first == f"python train.py --config 'my config.py' --workdir '{workdir}'"
    assert translate == f"jaxgan translate --run '{workdir}' --input IMAGES --output TRANSLATED"
    assert demo == f"jaxgan demo --run '{workdir}'"
    assert tensorboard == f"tensorboard --logdir {tmp_path}"
    again = {"command": ["jaxgan", "train", "quickstart", "--workdir=x"]}
    line = "jaxgan train quickstart --workdir=x"
    assert commands_of(page_of(workdir, Status(3), run=again))[0] == line
    assert commands_of(page_of(workdir, run=again))[0] == f"{line} --config.train.steps=12"
    epochs = dataclasses.replace(CONFIG, train=dataclasses.replace(CONFIG.train, epochs=5))
    assert "--config.train.epochs=10" in commands_of(page_of(workdir, config=epochs))[0]
    in_python = commands_of(page_of(workdir, run={}))[0]
    assert in_python == f"jaxgan.train(config, '{workdir}')"


@pytest.mark.parametrize(
    ("method", "command"),
    [("cyclegan", "jaxgan translate --run {} --input IMAGES --output TRANSLATED --direction ab"),
     ("dcgan", "jaxgan generate --run {} --output GENERATED")],
)  # fmt: skip
def test_commands_fit_the_method(tmp_path, method, command):
    config = dataclasses.replace(tiny_cyclegan.get_config(), method=METHODS[method].method)
    assert commands_of(page_of(tmp_path, config=config))[1] == command.format(tmp_path)


def test_settings_and_their_changes_are_shown(tmp_path):
    changes = [{"step": 3, "changes": ["config.method.learning_rate was 1, is <2>"]}]
    page = page_of(tmp_path, run=RUN | {"changes": changes})
    name = "config.<wbr>method.<wbr>discriminator_<wbr>features"
    row = f'<th scope="row"><code>{name}</code></th><td>4</td>\n<td>64</td>'
    assert row in page
    assert "Changed at step 3: config.method.learning_rate was 1, is &lt;2&gt;</p>" in page
    assert "&quot;lambda_l1&quot;: 100.0" in page  # in the whole config


def test_metrics_are_grouped_by_the_question_that_they_answer():
    names = (
        *("loss/generator_gan", "loss/cycle_a", "loss/discriminator_a", "accuracy/discriminator_a"),
        *("eval/kid", "eval/fid", "diversity", "warning/collapsed", "learning_rate"),
        *("images_per_second", "data_wait", "loss/mine", "mine", "</script>"),
    )
    curves = make_curves([{"step": step} | dict.fromkeys(names, 1.5) for step in (1, 2)])
    assert curves["axes"] == [(1, 2)]
    groups = {
        group["title"]: {
            unit["unit"]: [curve["name"] for curve in unit["curves"]] for unit in group["units"]
        }
        for group in curves["groups"]
    }
    assert groups == {
        "What is the generator trained on?": {
            "loss": ["loss/generator_gan", "loss/cycle_a", "loss/mine"]
        },
        "Are the two players even?": {
            "loss": ["loss/discriminator_a"],
            "accuracy": ["accuracy/discriminator_a"],
        },
        "Held-out quality": {"kid": ["eval/kid"], "fid": ["eval/fid"]},
        "Does anything look wrong?": {
            "diversity": ["diversity"],
            "warning": ["warning/collapsed"],
        },
        "Learning rate": {"learning_rate": ["learning_rate"]},
        "Speed": {"images/s": ["images_per_second"], "share of time": ["data_wait"]},
        "Other": {"mine": ["mine"], "<": ["</script>"]},
    }


def test_long_runs_keep_the_page_light(tmp_path):
    """Of 100 000 values, 2000 remain, and the last one."""
    records = [{"step": step, "loss/a": 0.123456789} for step in range(1, 100_001)]
    page = page_of(tmp_path, records=records)
    assert len(page) < 80_000
    ((curve,),) = ([c for u in g["units"] for c in u["curves"]] for g in data_of(page)["groups"])
    assert curve["values"] == [0.12346] * 2000
    (steps,) = data_of(page)["axes"]
    assert steps == list(range(50, 100_001, 50))
