"""What more devices bring and cost: `python benchmarks/scaling.py --config configs/X.py`.

Weak scaling: 1, 2, 4, ... devices, with as many images on each. Counts what each device sends and
holds, from the compiled step, and times the step on noise. Needs no data set. Takes options of its
own (--help) and the arguments of train.py; --json=FILE gets the results.

On one machine without accelerators, --devices=8 makes virtual devices. They share its cores: what
is counted is what real ones would send and hold; the time says nothing.
"""

import dataclasses
import os
import statistics
import sys
import time
from collections import Counter
from typing import Any

import jax
import numpy as np
import options
from collectives import collectives

from jaxgan import command_line, partition
from jaxgan.config import Config
from jaxgan.dry_run import memory_of
from jaxgan.trainer import make_placed_init, make_train_step, place

ROUNDS, STEPS = 3, 5
MIB = 2**20


def measure(config: Config, devices: int, mesh: str, timed: bool) -> dict[str, Any]:
    """Compile the step of a config on so many devices, and time it.

    Args:
        config: The experiment, its batch size that of a device.
        devices: How many to use.
        mesh: The mesh, in which N stands for what is left of the devices.
        timed: Whether to run it too.
    """
    others = int(np.prod([int(part.split(":")[1]) for part in mesh.split(",") if "N" not in part]))
    train = dataclasses.replace(
        config.train,
        batch_size=config.train.batch_size * devices,
        mesh=mesh.replace("N", str(devices // others)),
    )
    config = dataclasses.replace(config, train=train)
    placed, key = place(config), jax.random.key(0)
    spec = config.data.spec(train.batch_size)
    init = make_placed_init(config, placed)
    step = make_train_step(config, placed).lower(jax.eval_shape(init, key), spec, key).compile()
    sent = Counter()
    for collective in collectives(step):
        sent[collective.kind] += collective.bytes
    held, used = memory_of(step)
    result = {
        "devices": devices,
        "mesh": train.mesh,
        "batch_size": train.batch_size,
        "state_and_batch_mib": held / MIB,
        "activations_mib": used / MIB,
        "collective_mib": {kind: size / MIB for kind, size in sorted(sent.items())},
    }
    if timed:
        rng = np.random.default_rng(0)
        noise = {name: rng.uniform(0, 255, x.shape).astype(x.dtype) for name, x in spec.items()}
        raw = jax.device_put(noise, partition.split_batch(placed.mesh))
        state, times = init(key), []
        for _ in range(ROUNDS + 1):
            start = time.perf_counter()
            for _ in range(STEPS):
                state, _ = step(state, raw, key)
            jax.block_until_ready(state)
            times.append((time.perf_counter() - start) / STEPS)
        result["images_per_second"] = train.batch_size / statistics.median(times[1:])
    return result


def main() -> int:
    """Measure what the command line says; return the exit code."""
    parser = options.parser()
    parser.add_argument("--devices", type=int, help="virtual devices of this machine's CPU")
    parser.add_argument("--mesh", default="data:N", help="axes, as data:N or data:N,direction:2")
    parser.add_argument("--count_only", action="store_true", help="compile and do not run")
    own, rest = options.read(parser, sys.argv[1:])
    if own.devices:
        os.environ["JAX_PLATFORMS"] = "cpu"
        jax.config.update("jax_num_cpu_devices", own.devices)
    name, arguments = command_line.parse(rest)
    results = []
    print("MiB, on each device; sent: what collectives leave there in a step")
    print(f"{'mesh':24}{'batch':>6}{'state':>9}{'activations':>13}{'images/s':>10}   sent")
    count = 2 if ":2" in own.mesh else 1
    while count <= jax.device_count():
        result = measure(arguments.config, count, own.mesh, not own.count_only)
        sent = ", ".join(f"{k} {v:,.1f}" for k, v in result["collective_mib"].items())
        speed = f"{result['images_per_second']:.2f}" if "images_per_second" in result else "-"
        print(
            f"{result['mesh']:24}{result['batch_size']:6}{result['state_and_batch_mib']:9,.0f}"
            f"{result['activations_mib']:13,.0f}{speed:>10}   {sent or 'nothing'}",
            flush=True,
        )
        results.append(result)
        count *= 2
    options.write(own.json, {"config": name, "scaling": results})
    return 0


if __name__ == "__main__":
    sys.exit(command_line.run(main))
