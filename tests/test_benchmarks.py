import json
import subprocess
import sys
from pathlib import Path

import pytest
from collectives import bytes_sent
from scaling import efficiency

ROOT = Path(__file__).parent.parent


def run(name, *arguments):
    command = [sys.executable, f"benchmarks/{name}.py", "--config", "tests/tiny.py", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_the_step_benchmark_needs_no_data_and_ends_with_json():
    result = json.loads(run("step", "--batch_size=4", "--round_seconds=0.1").splitlines()[-1])
    assert result["config"] == "tiny"
    assert result["batch_size"] == 4
    assert abs(result["images_per_second"] - 4 * result["steps_per_second"]) < 0.03


def test_the_layers_of_a_config_are_timed(tmp_path):
    printed = run("layers", f"--json={tmp_path / 'layers.json'}")
    layers = json.loads((tmp_path / "layers.json").read_text())["layers"]
    norms = [layer["layer"] for layer in layers if "norm" in layer["layer"]]
    # U-Net of depth 5: five down and five up; PatchGAN: four, one of which U-Net has too.
    assert len(layers) - len(norms) == 13
    assert len(norms) == len(set(norms)) > 0
    assert all(layer["layer"] in printed and layer["ours_ms"] > 0 for layer in layers)


def test_scaling_counts_what_devices_send():
    lines = run("scaling", "--devices=2", "--count_only").splitlines()[2:]
    one, two = (line.partition("- ")[2].strip() for line in lines)
    assert one == "nothing"
    assert two.startswith("all-reduce")


@pytest.mark.parametrize(
    ("kind", "left", "sent"),
    [
        ("all-reduce", 8, 2 * 7 / 8 * 8),  # a reduce-scatter, then an all-gather
        ("all-gather", 8, 7),  # all but the own eighth
        ("reduce-scatter", 1, 7),  # all but the own eighth
        ("all-to-all", 8, 7),
        ("collective-permute", 8, 8),
    ],
)
def test_bytes_in_a_ring_of_eight(kind, left, sent):
    assert bytes_sent(kind, left, 8) == sent


def test_efficiency_is_the_share_of_time_that_is_not_communication():
    # 2 MiB are sent, in 2 ms of the links; the step takes 8 ms.
    link = 2**20 / 1e6
    sent = {"all-gather": 1.0, "collective-permute": 1.5}
    assert efficiency(sent, 2, 2, 0.008, link) == pytest.approx(0.8)
    # Of two devices a reduce-scatter leaves each a half of 4/3 MiB, of four a quarter.
    assert efficiency({"reduce-scatter": 4 / 3}, 2, 4, 0.008, link) == pytest.approx(0.8)
