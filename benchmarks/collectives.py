"""The collectives of a compiled program."""

import math
import re
from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import jax
import numpy as np

KINDS = "all-gather|all-reduce|all-to-all|reduce-scatter|collective-permute"
MIB = 2**20
BYTES = {"pred": 1, "s8": 1, "u8": 1, "bf16": 2, "f16": 2, "f64": 8, "s64": 8, "u64": 8}


class Collective(NamedTuple):
    """A collective operation.

    Attributes:
        kind: Name in HLO.
        sizes: Number of elements of each output array on a device.
        bytes: Bytes of all output arrays on a device.
        groups: The participating devices, by group.
    """

    kind: str
    sizes: list[int]
    bytes: int
    groups: list[list[int]]


def collectives(compiled: jax.stages.Compiled) -> Iterator[Collective]:
    """Yield the collectives of a compiled program."""
    return read_collectives(compiled.as_text() or "")


def sent_mib(compiled: jax.stages.Compiled) -> dict[str, float]:
    """Return the size of the collectives' outputs on a device, in MiB by kind."""
    sent = Counter()
    for collective in collectives(compiled):
        sent[collective.kind] += collective.bytes
    return {kind: size / MIB for kind, size in sorted(sent.items())}


def read_collectives(program: str) -> Iterator[Collective]:
    """Yield the collectives in the text of a program.

    Asynchronous collectives have a start, which lists the devices, and a done, which gives the
    shapes of the outputs.
    """
    participants: dict[str, str] = {}
    pattern = rf"(%\S+) = (.*) ({KINDS})(-start|-done|)\((%[^\s,)]+)"
    for line in program.splitlines():
        if not (found := re.search(pattern, line)):
            continue
        name, outputs, kind, phase, operand = found.groups()
        groups = line.partition("replica_groups=")[2] or line.partition("_pairs=")[2]
        participants[name] = groups
        if phase == "-start":
            continue
        sizes, widths = zip(*read_arrays(outputs), strict=True)
        groups = read_groups(participants[operand] if phase else groups)
        yield Collective(kind, list(sizes), int(np.dot(sizes, widths)), groups)


def read_arrays(shapes: str) -> list[tuple[int, int]]:
    """Return, from the text of shapes, the number of elements and bytes per element of arrays."""
    found = re.findall(r"([a-z]+[0-9]*)\[([0-9,]*)\]", shapes)
    return [
        (math.prod(int(n) for n in shape.split(",") if n), BYTES.get(dtype, 4))
        for dtype, shape in found
    ]


def bytes_sent(kind: str, size: float, devices: int) -> float:
    """Return the bytes each device of a ring sends for a collective with `size` output bytes."""
    rest = (devices - 1) / devices
    shares = {
        "all-reduce": 2 * rest,
        "all-gather": rest,
        "all-to-all": rest,
        "reduce-scatter": devices - 1,
        "collective-permute": 1,
    }
    return shares[kind] * size


def read_groups(text: str) -> list[list[int]]:
    """Return groups of devices from any of XLA's three notations."""
    numbers = partial(re.findall, r"[0-9]+")
    if listed := re.match(r"\{\{(.*?)\}\}", text):
        return [list(map(int, numbers(group))) for group in listed[1].split("},{")]
    if iota := re.match(r"\[([0-9,]+)\]<=\[([0-9,]+)\](?:T\(([0-9,]+)\))?", text):
        shape, source, order = (list(map(int, numbers(part or ""))) for part in iota.groups())
        return _in_order(source, order).reshape(shape).tolist()
    axes = re.match(
        r"mesh\[(.*?)\](?:, device_ids=\(\[([0-9,]+)\](?:T\(([0-9,]+)\))?\))? \{(.*?)\}", text
    )
    assert axes, f"an unknown notation: {text}"
    sizes = dict(re.findall(r"'(\w+)'=([0-9]+)", axes[1]))
    names, grouped = list(sizes), re.findall(r"'(\w+)'", axes[4])
    shape = [int(size) for size in sizes.values()]
    source, order = (list(map(int, numbers(part or ""))) for part in axes.groups()[1:3])
    devices = _in_order(source or shape, order).reshape(shape)
    order = [names.index(name) for name in names if name not in grouped]
    order += [names.index(name) for name in grouped]
    members = int(np.prod([int(sizes[name]) for name in grouped]))
    return devices.transpose(order).reshape(-1, members).tolist()


def _in_order(shape: list[int], order: list[int]) -> np.ndarray:
    """Return device numbers as an array of a shape, with axes permuted by `order` if given."""
    devices = np.arange(np.prod(shape)).reshape(shape)
    return devices.transpose(order or range(len(shape)))
