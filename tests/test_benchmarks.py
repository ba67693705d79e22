import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def run(name, *arguments):
    command = [sys.executable, f"benchmarks/{name}.py", "--config", "tests/tiny.py", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_the_step_benchmark_needs_no_data_and_ends_with_json():
    result = json.loads(run("step", "--batch_size=4").splitlines()[-1])
    assert result["config"] == "tiny"
    assert result["batch_size"] == 4
    assert abs(result["images_per_second"] - 4 * result["steps_per_second"]) < 0.03


def test_the_layers_of_a_config_are_timed(tmp_path):
    printed = run("layers", f"--json={tmp_path / 'layers.json'}")
    layers = json.loads((tmp_path / "layers.json").read_text())["layers"]
    # U-Net of depth 5: five down and five up; PatchGAN: four, one of which U-Net has too.
    assert len({layer["layer"] for layer in layers}) == len(layers) == 13
    assert all(layer["layer"] in printed and layer["ours_ms"] > 0 for layer in layers)


def test_scaling_counts_what_devices_send():
    lines = run("scaling", "--devices=2", "--count_only").splitlines()[2:]
    one, two = (line.partition("- ")[2].strip() for line in lines)
    assert one == "nothing"
    assert two.startswith("all-reduce")
