"""Measures weak scaling over devices: `python benchmarks/scaling.py --config configs/X.py`.

Uses 1, 2, 4, ... devices with the same number of images on each. Counts the communication and
memory per device from the compiled step, and times the step on noise. Needs no data set. Takes its
own options (--help) and the arguments of train.py; --json=FILE writes the results.

With --link, predicts the efficiency on 8, 64 and 512 devices. The prediction uses the collectives
counted on the largest mesh, in rings whose links send this many gigabytes per second from every
device, without overlap with computation and without latency.

On a machine without accelerators, --devices=8 creates virtual devices, which share its cores.
Communication and memory are counted as on real devices, but the times are meaningless.
"""

import dataclasses
import math
import re
import statistics
import sys
import time
from collections.abc import Mapping
from typing import Any

import jax
import options
import train_steps
from collectives import MIB, bytes_sent, sent_mib

from jaxgan.cli import console
from jaxgan.config import Config
from jaxgan.errors import UserError
from jaxgan.training.dry_run import memory_of
from jaxgan.training.program import make_program

ROUNDS, STEPS = 3, 5
PREDICTED = (8, 64, 512)  # devices


def measure(config: Config, mesh: str, devices: int, timed: bool) -> dict[str, Any]:
    """Compile the step of a config on a mesh, and time it.

    Args:
        config: The experiment, with the batch size per device.
        mesh: Devices by axis.
        devices: Number of devices of the mesh.
        timed: Whether to run and time the step.
    """
    batch_size = config.train.batch_size * devices
    train = dataclasses.replace(config.train, batch_size=batch_size, mesh=mesh)
    config = dataclasses.replace(config, train=train)
    program = make_program(config)
    step = program.lower().compile()
    arguments, temporary = memory_of(step)
    result = {
        "devices": devices,
        "mesh": train.mesh,
        "batch_size": train.batch_size,
        "state_and_batch_mib": arguments / MIB,
        "activations_mib": temporary / MIB,
        "collective_mib": sent_mib(step),
    }
    if timed:
        run, times = train_steps.runner(program, step), []
        for _ in range(ROUNDS + 1):
            start = time.perf_counter()
            steps = run(STEPS)
            times.append((time.perf_counter() - start) / steps)
        result["images_per_second"] = train.batch_size / statistics.median(times[1:])
    return result


def efficiency(
    sent_mib: Mapping[str, float], counted: int, devices: int, seconds: float, link: float
) -> float:
    """Return the share of a step's time that is not spent on communication.

    Args:
        sent_mib: Output size of the collectives on a device, by kind.
        counted: Number of devices for which `sent_mib` was counted.
        devices: Number of devices to predict for.
        seconds: Seconds of the step on one device.
        link: Gigabytes per second that a device sends.
    """
    sent = 0.0
    for kind, size in sent_mib.items():
        share = counted / devices if kind == "reduce-scatter" else 1  # its output is 1 / devices
        sent += bytes_sent(kind, share * size * MIB, devices)
    return seconds / (seconds + sent / (link * 1e9))


def main() -> int:
    """Run the benchmark and return its exit code."""
    parser = options.parser()
    parser.add_argument("--devices", type=int, help="virtual devices of this machine's CPU")
    parser.add_argument("--mesh", default="data:N", help="axes, as data:N or data:N,direction:2")
    parser.add_argument("--count_only", action="store_true", help="compile and do not run")
    parser.add_argument("--link", type=float, help="gigabytes a second that a device sends")
    parser.add_argument("--step_seconds", type=float, help="of a step on one device, with --link")
    own, rest = options.read(parser, sys.argv[1:])
    if own.link and not own.step_seconds:
        raise UserError("--link needs --step_seconds, which benchmarks/step.py measures")
    if own.link and own.mesh not in ("data:N", "fsdp:N"):
        raise UserError(
            "--link predicts for --mesh=data:N or fsdp:N alone: one ring of all devices"
        )
    if own.devices:
        jax.config.update("jax_platforms", "cpu")
        jax.config.update("jax_num_cpu_devices", own.devices)
    if own.mesh.count(":N") != 1:
        raise UserError(f"--mesh={own.mesh} must have one axis of N devices, such as data:N")
    if own.link and jax.device_count() < 2:
        raise UserError("--link needs what two devices or more send, such as --devices=8")
    name, config = options.experiment(rest)
    results, share = [], 1
    fixed = math.prod(int(size) for size in re.findall(":([0-9]+)", own.mesh))
    print("MiB, on each device; sent: what collectives leave there in a step")
    print(f"{'mesh':24}{'batch':>6}{'state':>9}{'activations':>13}{'images/s':>10}   sent")
    while share * fixed <= jax.device_count():
        mesh = own.mesh.replace("N", str(share))
        result = measure(config, mesh, share * fixed, not own.count_only)
        sent = ", ".join(f"{k} {v:,.1f}" for k, v in result["collective_mib"].items())
        speed = f"{result['images_per_second']:.2f}" if "images_per_second" in result else "-"
        print(
            f"{result['mesh']:24}{result['batch_size']:6}{result['state_and_batch_mib']:9,.0f}"
            f"{result['activations_mib']:13,.0f}{speed:>10}   {sent or 'nothing'}",
            flush=True,
        )
        results.append(result)
        share *= 2
    found = {"config": name, "scaling": results}
    if own.link:
        sent, counted = results[-1]["collective_mib"], results[-1]["devices"]
        left = {n: efficiency(sent, counted, n, own.step_seconds, own.link) for n in PREDICTED}
        shares = ", ".join(f"{share:.1%} on {devices}" for devices, share in left.items())
        print(f"predicted, steps of {own.step_seconds:g} s, links of {own.link:g} GB/s: {shares}")
        found |= {"step_seconds": own.step_seconds, "link": own.link, "efficiency": left}
    options.write(own.json, found)
    return 0


if __name__ == "__main__":
    sys.exit(console.run(main))
