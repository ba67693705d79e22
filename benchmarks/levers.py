"""Measures settings that can be faster on a GPU: `python benchmarks/levers.py --config FILE`.

Times a train step with each setting and without it, in alternating blocks. Only two of them are in
memory at a time. Results are written after each setting, so that being stopped loses only the rest.
On a CPU, the flags of XLA have no effect. Takes its own options (--help) and the arguments of
train.py.
"""

import contextlib
import dataclasses
import os
import statistics
import sys
from pathlib import Path
from typing import Any

import options
from blocks import Competitor, Failed, compete

from jaxgan.cli import console
from jaxgan.errors import UserError

WORKER = Path(__file__).with_name("jax_worker.py")
WITHOUT = "without it"
KINDS = "FUSION,CUBLAS,CUBLASLT,CUDNN,CUSTOM_CALL,CONDITIONAL,WHILE,DYNAMIC_SLICE_FUSION"


@dataclasses.dataclass(frozen=True)
class Lever:
    """A setting.

    Attributes:
        arguments: Arguments of train.py.
        xla_flags: Flags of XLA.
    """

    arguments: tuple[str, ...] = ()
    xla_flags: str = ""


LEVERS = {
    # CUDA graphs of as many kernels as possible, and none at all.
    "large CUDA graphs": Lever(xla_flags=f"--xla_gpu_enable_command_buffer={KINDS}"),
    "no CUDA graphs": Lever(xla_flags="--xla_gpu_enable_command_buffer="),
    "padding by gather": Lever(("--config.method.gather_padding=True",)),
    "padded channels": Lever(("--config.method.pad_channels=True",)),
    "NHWC": Lever(xla_flags="--xla_gpu_force_conv_nhwc=true"),
    "NCHW": Lever(xla_flags="--xla_gpu_force_conv_nchw=true"),
    "XLA's own layers": Lever(("--config.method.plain_layers=True",)),
}


def compare(
    base: Competitor, arguments: list[str], lever: Lever, rounds: int, block_seconds: float
) -> dict[str, Any]:
    """Return the milliseconds per step with a setting, and its speedup.

    Args:
        base: The train step without it.
        arguments: The arguments of train.py.
        lever: The setting.
        rounds: Blocks of each.
        block_seconds: Length of a block.

    Returns:
        `speedup` is the time without the setting divided by the time with it, the median over the
        rounds; `error` is instead of it if the program fails.

    Raises:
        UserError: If the train step without it fails.
    """
    command = [sys.executable, str(WORKER), *arguments, *lever.arguments]
    flags = " ".join(filter(None, (os.environ.get("XLA_FLAGS"), lever.xla_flags)))
    with contextlib.closing(Competitor(command, {"XLA_FLAGS": flags} if flags else {})) as other:
        try:
            other.wait_until_ready()
        except Failed as error:
            return {"error": str(error)}
        *_, (seconds, failures) = compete({WITHOUT: base, "with": other}, rounds, block_seconds)
    if WITHOUT in failures:
        raise UserError(failures[WITHOUT])
    if failures:
        return {"error": failures["with"]}
    ratios = [a / b for a, b in zip(seconds[WITHOUT], seconds["with"], strict=True)]
    return {
        "ms_per_step": 1000 * statistics.median(seconds["with"]),
        "ms_per_step_without": 1000 * statistics.median(seconds[WITHOUT]),
        "speedup": statistics.median(ratios),
    }


def main() -> int:
    """Run the benchmark and return its exit code."""
    parser = options.parser()
    parser.add_argument("--rounds", type=int, default=4, help="blocks of each")
    parser.add_argument("--block_seconds", type=float, default=1.0, help="length of a block")
    parser.add_argument("--only", default="", help="settings whose name contains this text")
    # Leaves GPU memory to the programs that are timed.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    own, rest = options.read(parser, sys.argv[1:])
    name, _ = options.experiment(rest)
    chosen = {setting: lever for setting, lever in LEVERS.items() if own.only in setting}
    if not chosen:
        raise UserError(f"--only={own.only} is in none of the names: {'; '.join(LEVERS)}")
    print("time without a setting, divided by the time with it")
    results: dict[str, dict[str, Any]] = {}
    with contextlib.closing(Competitor([sys.executable, str(WORKER), *rest])) as base:
        try:
            base.wait_until_ready()
        except Failed as error:
            raise UserError(str(error)) from error
        for setting, lever in chosen.items():
            result = compare(base, rest, lever, own.rounds, own.block_seconds)
            results[setting] = result
            text = f"{result['speedup']:.2f}" if "speedup" in result else result["error"]
            print(f"{setting:20} {text}", flush=True)
            options.write(own.json, {"config": name, "levers": results})
    return 0


if __name__ == "__main__":
    sys.exit(console.run(main))
