"""Compiles a step for absent devices: `python benchmarks/ahead_of_time.py --config configs/X.py`.

Compiles the train step of a config for eight H200 GPUs or for a TPU slice (--target=v5e:2x2). This
needs `pip install ".[cuda12]"` or ".[tpu]", but no such device; for TPUs, it takes minutes on a few
cores. Counts the memory per device, the bytes sent between devices and, for GPUs, the kernels of a
step and the bytes that they read and write. Does not measure time, and needs no data set. Takes its
own options (--help) and the arguments of train.py; --json=FILE writes the results.

Autotuning needs a real GPU, so the kernels that it would choose are not known here.
"""

import math
import os
import re
import sys
import time
from collections.abc import Sequence
from typing import Any
from unittest import mock

import jax
import options
from collectives import MIB, read_arrays, sent_mib
from jax.experimental import topologies

from jaxgan.cli import console
from jaxgan.config import Config
from jaxgan.devices.mesh import describe_mesh
from jaxgan.errors import UserError
from jaxgan.training.dry_run import memory_of
from jaxgan.training.program import make_program

GPUS = 8
H200 = """
gpu_device_info {
  cuda_compute_capability { major: 9 }
  core_count: 132
  fpus_per_core: 128
  clock_rate_ghz: 1.98
  device_memory_size: 150100000000
  memory_bandwidth: 4800000000000
  l2_cache_size: 62914560
  threads_per_warp: 32
  threads_per_block_limit: 1024
  threads_per_core_limit: 2048
  registers_per_block_limit: 65536
  registers_per_core_limit: 65536
  shared_memory_per_block: 49152
  shared_memory_per_block_optin: 232448
  shared_memory_per_core: 233472
  block_dim_limit_x: 2147483647
  block_dim_limit_y: 65535
  block_dim_limit_z: 65535
}
platform_name: "CUDA"
runtime_version { major: 12 minor: 9 }
dnn_version_info { major: 9 minor: 8 }
device_description_str: "NVIDIA H200"
"""
FREE = {"parameter", "constant", "bitcast", "tuple", "get-tuple-element"}  # not kernels


def devices_of(target: str) -> Sequence[Any]:
    """Return the devices of a target, for compilation only.

    Raises:
        UserError: If their compiler is not installed, or does not support them.
    """
    gpu = target == "h200"
    os.environ.setdefault("TPU_SKIP_MDS_QUERY", "1")  # not available outside of Google Cloud
    try:
        if gpu:
            arguments = {"target_config": H200, "topology": f"1x1x{GPUS}"}
            return topologies.get_topology_desc(target, "cuda", **arguments).devices
        return topologies.get_topology_desc(target, "tpu").devices
    except (NotImplementedError, RuntimeError) as error:
        extra = "cuda12" if gpu else "tpu"
        reason = str(error).splitlines()[0]
        raise UserError(f'no compiler for {target}: pip install ".[{extra}]" ({reason})') from error


def compile_for(devices: Sequence[Any], config: Config) -> dict[str, Any]:
    """Compile the train step of a config for the given devices, and return the counts."""
    platform = devices[0].platform
    found = {"devices": lambda: devices, "device_count": lambda: len(devices)}
    with mock.patch.multiple(jax, default_backend=lambda: platform, **found):
        program = make_program(config)
        description = describe_mesh(program.mesh)
        lowered = program.lower()
    start = time.perf_counter()
    # Autotuning needs the device.
    step = lowered.compile({"xla_gpu_autotune_level": "0"} if platform == "gpu" else None)
    seconds = time.perf_counter() - start
    arguments, temporary = memory_of(step)
    result = {
        "device": description,
        "compile_seconds": round(seconds, 1),
        "state_and_batch_mib": round(arguments / MIB, 1),
        "activations_mib": round(temporary / MIB, 1),
        "collective_mib": {kind: round(size, 1) for kind, size in sent_mib(step).items()},
    }
    if platform == "gpu":
        result |= kernels(step.as_text() or "")
    return result


def kernels(program: str) -> dict[str, Any]:
    """Count the kernels of a GPU's step, without collectives, and the bytes they read and write.

    An array that a kernel slices is counted in full.
    """
    # The computation with the most convolutions is the program itself, or the body of its loop.
    computations = re.split(r"\n(?=\S)", program)
    body = max(computations, key=lambda text: text.count("__cudnn$conv"))
    sizes, count, moved = {}, 0, 0
    instruction = r"(%\S+) = (\(.*?\)|\S+) ([\w-]+)\((.*?)\)"
    for name, shape, kind, operands in re.findall(instruction, body):
        sizes[name] = sum(math.prod(array) for array in read_arrays(shape))
        if kind not in FREE and not kind.endswith(("-start", "-done")):
            count += 1
            moved += sizes[name] + sum(sizes.get(each, 0) for each in operands.split(", "))
    return {
        "kernels_per_step": count,
        "of_them_convolutions": body.count("__cudnn$conv"),
        "gigabyte_per_step": round(moved / 1e9, 3),
    }


def main() -> int:
    """Run the benchmark and return its exit code."""
    parser = options.parser()
    parser.add_argument("--target", default="h200", help="h200, or a TPU slice such as v5e:2x2")
    own, rest = options.read(parser, sys.argv[1:])
    jax.config.update("jax_platforms", "cpu")  # nothing runs on other devices
    jax.config.update("jax_enable_compilation_cache", False)  # it cannot be loaded here
    name, config = options.experiment(rest)
    result = {"config": name} | compile_for(devices_of(own.target), config)
    options.report(own.json, result)
    return 0


if __name__ == "__main__":
    sys.exit(console.run(main))
