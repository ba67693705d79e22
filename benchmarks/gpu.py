"""Runs all measurements for a GPU, the most important ones first; see `gpu.sh`.

Each has a time limit and appends a line of JSON to RESULTS, so that being stopped loses only the
rest. `report.py` turns that file into tables.
"""

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
SECONDS = 475  # for all measurements together
FOLDER = ("--config.data.root=.",)  # not read
TINY = ("--config.data.load_size=64", "--config.data.crop_size=64", "--config.method.features=4")
DISCRIMINATOR = ("--config.method.discriminator_features=4",)
TESTS = ("tests/networks", "tests/methods", "tests/training/test_checkpoint.py")  # no TFDS
BLOCKS = ("--rounds=4", "--block_seconds=0.3")
VARIABLES = {  # several processes share the GPU; the largest step takes 25 GiB
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    "XLA_PYTHON_CLIENT_MEM_FRACTION": "0.35",
}
ONE_ROUND = ("--rounds=1", "--block_seconds=0.1", "--batch_size=1")


@dataclass(frozen=True)
class Measurement:
    """A measurement of `gpu.sh`.

    Attributes:
        name: Its name in the results.
        seconds: Time limit.
        command: A Python file and its arguments, or `-m` and a module.
        rehearsal: Arguments that make it small enough for a CPU.
        variables: Environment variables.
    """

    name: str
    seconds: int
    command: tuple[str, ...]
    rehearsal: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)


def against_pytorch(
    name: str, seconds: int, config: str, batch_size: int, *flags: str, tiny: tuple[str, ...] = ()
) -> Measurement:
    """Return the comparison of a train step with PyTorch's."""
    start = f"--start_seconds={seconds - 30}"  # all competitors are ready by then, or left out
    size = f"--batch_size={batch_size}"
    command = ("benchmarks/pytorch.py", "--config", config, start, size, *BLOCKS, *flags)
    rehearsal = (*ONE_ROUND, "--start_seconds=600", *TINY, *DISCRIMINATOR, *tiny)
    return Measurement(name, seconds, command, rehearsal)


CYCLEGAN, PIX2PIX, DCGAN = (
    f"configs/{name}.py" for name in ("cyclegan_folder", "pix2pix_facades", "dcgan_celeba64")
)
ONE_BLOCK = ("--config.method.blocks=1",)
BFLOAT16 = ("--compute_dtype=bfloat16",)
ON_CYCLEGAN = ("--config", CYCLEGAN, *FOLDER, *BFLOAT16, "--batch_size=16")

MEASUREMENTS = (
    Measurement("peaks", 45, ("benchmarks/peaks.py", "--size=8192"), ("--size=256",)),
    against_pytorch("CycleGAN, 256x256, batch 16", 150, CYCLEGAN, 16, *FOLDER, tiny=ONE_BLOCK),
    against_pytorch("pix2pix, 256x256, batch 1", 75, PIX2PIX, 1),
    against_pytorch("CycleGAN, 256x256, batch 1", 100, CYCLEGAN, 1, *FOLDER, tiny=ONE_BLOCK),
    against_pytorch("pix2pix, 256x256, batch 64", 75, PIX2PIX, 64),
    against_pytorch("DCGAN, 64x64, batch 128", 60, DCGAN, 128),
    Measurement(
        "tests",
        90,
        ("-m", "pytest", "-m", "gpu", "-v", "-p", "no:benchmark", "--numprocesses=8", *TESTS),
        ("--numprocesses=1", "-k", "restored and pix2pix"),
        {
            "XLA_FLAGS": "--xla_gpu_deterministic_ops=true",
            "JAX_DEFAULT_MATMUL_PRECISION": "highest",
        },
    ),
    Measurement("agreement", 45, ("benchmarks/agreement.py",), ("--steps=3", *TINY)),
    Measurement(
        "kernels", 60, ("benchmarks/top_kernels.py", *ON_CYCLEGAN), (*TINY, "--batch_size=1")
    ),
    Measurement(
        "layers",
        60,
        ("benchmarks/layers.py", "--config", PIX2PIX, *BFLOAT16, "--batch_size=64"),
        ("--batch_size=1", *TINY, "--config.method.depth=2", *DISCRIMINATOR),
    ),
    Measurement(
        "settings, CycleGAN, batch 16",
        150,
        ("benchmarks/levers.py", *ON_CYCLEGAN, *BLOCKS),
        (*ONE_ROUND, *TINY, *DISCRIMINATOR, *ONE_BLOCK, "--only=gather"),
    ),
    Measurement(
        "settings, pix2pix, batch 1",
        90,
        ("benchmarks/levers.py", "--config", PIX2PIX, *BFLOAT16, "--batch_size=1", *BLOCKS),
        (*ONE_ROUND, *TINY, *DISCRIMINATOR, "--only=NHWC"),
    ),
)


def run(
    measurement: Measurement, log: Path, *, rehearse: bool = False, limit: float | None = None
) -> dict[str, object]:
    """Run one measurement, and return its results and how it ended.

    Args:
        measurement: The measurement.
        log: File to append its output to.
        rehearse: Whether to run it with tiny sizes.
        limit: Time limit in seconds.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "results.json")
        command = [sys.executable, *measurement.command]
        command += measurement.rehearsal if rehearse else ()
        if measurement.command[0] != "-m":
            command.append(f"--json={file}")
        start = time.monotonic()
        with log.open("a") as output:
            print(f"\n{measurement.name}: {' '.join(command)}", file=output, flush=True)
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                stdout=output,
                stderr=output,
                env=os.environ | VARIABLES | dict(measurement.variables),
                start_new_session=True,
            )
            try:
                ended = f"exit code {process.wait(limit)}"
            except subprocess.TimeoutExpired:
                ended = f"stopped after {limit:.0f} s"
            with contextlib.suppress(ProcessLookupError):  # also what it started
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        results = json.loads(file.read_text()) if file.exists() else {}
    seconds = round(time.monotonic() - start, 1)
    about = {"measurement": measurement.name, "rehearsal": rehearse}
    return about | {"ended": ended, "seconds": seconds} | results


def main() -> int:
    """Run all measurements; return 1 if one of them did not finish."""
    parser = argparse.ArgumentParser(prog="benchmarks/gpu.sh", allow_abbrev=False)
    parser.add_argument("--results", type=Path, default=Path("gpu.jsonl"), help="file to write")
    parser.add_argument("--rehearse", action="store_true", help="tiny sizes, for a CPU")
    parser.add_argument("--only", default="", help="only repeat those whose name contains it")
    own = parser.parse_args()
    chosen = [measurement for measurement in MEASUREMENTS if own.only in measurement.name]
    if not chosen:
        names = "; ".join(measurement.name for measurement in MEASUREMENTS)
        parser.error(f"--only={own.only} is in none of the names: {names}")
    log = own.results.with_suffix(".log")
    if not own.only:
        own.results.unlink(missing_ok=True)
        log.unlink(missing_ok=True)
    end, complete = time.monotonic() + SECONDS, True
    for measurement in chosen:
        limit = max(0.0, min(measurement.seconds, end - time.monotonic()))
        limit = None if own.rehearse else limit
        results = run(measurement, log, rehearse=own.rehearse, limit=limit)
        with own.results.open("a") as file:
            file.write(json.dumps(results) + "\n")
        print(f"{measurement.name}: {results['ended']}, {results['seconds']} s", flush=True)
        complete &= results["ended"] == "exit code 0"
    return 0 if complete else 1


if __name__ == "__main__":
    sys.exit(main())
