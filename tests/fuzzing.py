"""Runs programs that read damaged files, in processes of their own, which a crash would end."""

import json
import re
import subprocess
import sys
from pathlib import Path


def run(program, seed, count):
    """Return what a program counted: `fuzz_images.py` or `fuzz_weights.py`."""
    command = [sys.executable, program, str(seed), str(count)]
    done = subprocess.run(command, capture_output=True, text=True)
    last = done.stdout.splitlines()[-1:]
    assert done.returncode == 0, (seed, last, done.stderr)
    assert not done.stderr  # libraries log nothing
    outcomes = json.loads(last[0])
    assert outcomes["errors"] > count / 2
    assert outcomes["slowest"] < 10
    return outcomes


def report(outcomes):
    """Print what was counted, with the peak of memory in MiB (0 where the system is not Linux)."""
    status = Path("/proc/self/status")  # `getrusage` counts the process that started this one, too
    peak = re.search(r"VmHWM:\s+(\d+)", status.read_text() if status.exists() else "VmHWM: 0")
    print(json.dumps({**outcomes, "mebibytes": int(peak[1]) / 2**10}))
