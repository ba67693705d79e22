"""The measurements for a GPU, rehearsed on the CPU, and the tables made of them."""

import json
import os
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import blocks
import gpu
import options
import pytest
import pytorch
import report
from flops import flops_per_step
from paths import ROOT, TESTS

from jaxgan.errors import UserError

STEP = {
    "measurement": "CycleGAN, batch 16",
    "rehearsal": False,
    "ended": "exit code 0",
    "date": "2026-12-24T18:00:00+00:00",
    "batch_size": 16,
    "best_pytorch": "PyTorch compile",
    "gflop_per_step": 24_000.0,
    "hardware": {"device": "NVIDIA H200"},
    "versions": {"jax": "0.11.2"},
    "results": {
        "jaxgan": {"ms_per_step": 200.0},
        "jaxgan, bfloat16": {"ms_per_step": 80.0, "memory_mib": 9000.4},
        "jaxgan, bfloat16, 10 steps per dispatch": {"error": "it was not ready within 9 s"},
        "PyTorch eager": {"ms_per_step": 320.0},
        "PyTorch compile": {"ms_per_step": 160.0},
    },
}
PEAKS = {
    "measurement": "peaks",
    "rehearsal": False,
    "ended": "exit code 0",
    "bfloat16_gflop_per_second": 600_000.0,
}


@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory):
    """The lines that a rehearsal writes."""
    file = tmp_path_factory.mktemp("gpu") / "gpu.jsonl"
    done = subprocess.run(
        ["benchmarks/gpu.sh", "--rehearse", f"--results={file}"],
        cwd=ROOT,
        env=os.environ | {"PYTHON": sys.executable},
        capture_output=True,
        text=True,
    )
    log = file.with_suffix(".log")
    assert done.returncode == 0, (
        done.stdout + done.stderr + (log.read_text() if log.exists() else "")
    )
    return file


def test_every_measurement_runs_and_leaves_numbers(rehearsal):
    results = report.read(rehearsal)
    assert list(results) == [measurement.name for measurement in gpu.MEASUREMENTS]
    assert results["peaks"]["bfloat16_gflop_per_second"] > 0
    assert len(report.steps(results)) == 5
    for step in report.steps(results).values():
        assert step["results"]["jaxgan"]["ms_per_step"] > 0
        assert step["gflop_per_step"] > 0
    assert results["settings, CycleGAN, batch 16"]["levers"]["padding by gather"]["speedup"] > 0
    assert results["settings, pix2pix, batch 1"]["levers"]["NHWC"]["speedup"] > 0
    assert results["agreement"]["device"]["1"] == 0  # the device is the CPU
    assert results["agreement"]["cpu, other rounding"]["1"] > 0
    shares = [kernel["share"] for kernel in results["kernels"]["top"]]
    assert shares == sorted(shares, reverse=True)
    assert 0.5 < sum(shares) < 1.001
    assert all(layer["ratio"] > 0 for layer in results["layers"]["layers"])


def test_a_rehearsal_is_reported_and_not_published(rehearsal, capsys):
    report.run(report.read_arguments([str(rehearsal)]))
    printed = capsys.readouterr().out
    assert all(name in printed for name in report.steps(report.read(rehearsal)))
    with pytest.raises(UserError, match="from a rehearsal"):
        report.run(report.read_arguments([str(rehearsal), "--write"]))


def test_a_single_measurement_is_repeated_and_keeps_the_others(tmp_path, monkeypatch):
    file = tmp_path / "gpu.jsonl"
    file.write_text(f"{json.dumps(STEP)}\n")
    arguments = ["gpu.sh", f"--results={file}", "--rehearse", "--only"]
    monkeypatch.setattr(sys, "argv", [*arguments, "peaks"])
    assert gpu.main() == 0
    assert list(report.read(file)) == [STEP["measurement"], "peaks"]
    monkeypatch.setattr(sys, "argv", [*arguments, "tpus"])
    with pytest.raises(SystemExit):
        gpu.main()


def test_a_measurement_that_takes_too_long_is_stopped(tmp_path):
    endless = gpu.Measurement("endless", 1, ("-c", "import time; time.sleep(600)"))
    result = gpu.run(endless, tmp_path / "log", limit=1)
    assert result["ended"] == "stopped after 1 s"


def test_a_program_that_is_ready_is_not_stopped_after_the_deadline():
    serve = "import blocks; blocks.serve(lambda: blocks.Steps(lambda steps: steps, dict))"
    benchmarks = {"PYTHONPATH": str(ROOT / "benchmarks")}
    with closing(blocks.Competitor([sys.executable, "-c", serve], benchmarks)) as competitor:
        time.sleep(5)  # until it is ready
        competitor.wait_until_ready(-60)
        time.sleep(1.5)
        assert competitor.seconds_per_step(1) > 0


def test_operations_are_counted_for_a_gpu_without_one():
    arguments = ["--config", "configs/dcgan_celeba64.py", "--config.train.batch_size=128"]
    _, config = options.experiment(arguments)
    first, last = 32 * 32 * 3 * 64, 512  # windows x input channels x output channels
    between = {16: 16 * 16 * 64 * 128, 8: 8 * 8 * 128 * 256, 4: 4 * 4 * 256 * 512}
    # Of the 4 * n taps along an edge of n windows, two are in the padding.
    inside = {n: (1 - 2 / (4 * n)) ** 2 for n in (32, 16, 8, 4)}
    first = 16 * first * inside[32]
    middle = 16 * sum(inside[n] * count for n, count in between.items())
    discriminator = first + middle + 16 * last
    generator = first + middle + 16 * 100 * last
    # Forward, and backward once for kernels and once for inputs. A network that is trained has no
    # gradient of its input; the discriminator is not trained in the generator's step. Both steps
    # use the same generated images.
    train_discriminator = 2 * (3 * discriminator - first)
    train_generator = 3 * generator - 16 * 100 * last + 2 * discriminator
    products = 128 * (train_discriminator + train_generator)
    assert flops_per_step(config, "gpu") == pytest.approx(2 * products, rel=0.01)


def test_the_tables_have_the_ratios_of_the_fastest():
    results = {result["measurement"]: result for result in (PEAKS, STEP)}
    _, _, line = report.speeds(results)
    # 16 images in 200 and 80 ms, 24 TFLOP in 80 ms of 600 TFLOP/s, 160 and 320 ms against 80.
    numbers = "80.0 | 200.0 | 50% | 9,000 | 100.0 | 4.00 times | 2.00 times"
    assert line == f"| CycleGAN, batch 16 | {numbers} |"
    assert "| jaxgan, bfloat16, 10 steps per dispatch |  |" in report.variants(results)


def test_the_table_of_settings_has_the_speedup_of_each():
    results = {
        "settings, A": {"levers": {"NHWC": {"speedup": 1.25}, "NCHW": {"error": "killed"}}},
        "settings, B": {"levers": {"NHWC": {"speedup": 0.5}}},
    }
    head, _, *lines = report.levers(results)
    assert head == "| setting | A | B |"
    assert lines == ["| NHWC | 1.25 | 0.50 |", "| NCHW |  |  |"]


def test_the_tables_are_written_into_readme_and_docs(tmp_path):
    (tmp_path / "docs").mkdir()
    for name in ("README.md", "docs/performance.md"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    file = tmp_path / "gpu.jsonl"
    file.write_text("".join(f"{json.dumps(result)}\n" for result in (PEAKS, STEP)))
    for _ in range(2):  # also over earlier tables
        report.run(report.read_arguments([str(file), "--write", f"--root={tmp_path}"]))
    page = (tmp_path / "docs/performance.md").read_text()
    assert page.count("One NVIDIA H200, jax 0.11.2, 2026-12-24") == 1
    assert page.count("## On GPUs and TPUs") == page.count("## Other benchmarks") == 1
    readme = (tmp_path / "README.md").read_text()
    line = "NVIDIA H200: CycleGAN, batch 16, 200 images/s, 4.0 times as fast as the reference's"
    assert readme.count(line) == 1
    assert readme.endswith((ROOT / "README.md").read_text().rpartition("\n| macOS")[2])


def test_a_file_that_gpu_sh_did_not_write_is_one_line(tmp_path):
    with pytest.raises(UserError, match="cannot be read: No such file"):
        report.read(tmp_path / "missing")
    (tmp_path / "other").write_text("[1]")
    with pytest.raises(UserError, match=r"not written by benchmarks/gpu.sh"):
        report.read(tmp_path / "other")


def test_pytorchs_side_supports_the_settings_of_every_train_step():
    steps = [step.command for step in gpu.MEASUREMENTS if "benchmarks/pytorch.py" in step.command]
    assert len(steps) == 5
    for command in steps:
        _, rest = pytorch.read_arguments(command[1:])
        changed = pytorch.task_of(options.experiment(rest)[1])["changed"]
        assert set(changed) <= {"depth", "schedule"}


def test_all_tests_marked_for_a_gpu_are_run_there():
    marked = [file for file in TESTS.rglob("test_*.py") if "mark.gpu" in file.read_text()]
    for file in set(marked) - {Path(__file__)}:
        assert str(file.relative_to(ROOT)).startswith(gpu.TESTS)
