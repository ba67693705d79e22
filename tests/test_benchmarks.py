import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_step_benchmark_needs_no_data_and_ends_with_json():
    command = [sys.executable, "benchmarks/step.py", "--config", "tests/tiny.py"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["config"] == "tiny"
    assert result["batch_size"] == 2
    assert abs(result["images_per_second"] - 2 * result["steps_per_second"]) < 0.02
