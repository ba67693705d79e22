"""Describes a run (config, parameters, memory) without starting it."""

import json
import math

import jax

from jaxgan.config import Config
from jaxgan.devices.mesh import describe_mesh
from jaxgan.errors import UserError
from jaxgan.settings.stored import to_json
from jaxgan.training.program import Program, make_program
from jaxgan.types import PyTree

MIB = 2**20


def describe(config: Config) -> str:
    """Return the config, the parameters of each network, and the memory of a train step.

    This compiles the train step, which also fills the cache of compiled programs.

    Raises:
        UserError: If the networks do not fit the images, or the experiment cannot use the devices.
    """
    program = make_program(config)
    params = program.shapes.params
    names = [*params, "total"]
    trees = [*params.values(), params]
    width = max(map(len, names))
    table = "\n".join(
        f"{name:{width}}  {_count(tree):>12,} parameters"
        for name, tree in zip(names, trees, strict=True)
    )
    return f"{json.dumps(to_json(program.config), indent=2)}\n\n{table}\n\n{_memory(program)}"


def _memory(program: Program) -> str:
    """Return a description of the memory that the compiler reserves on each device."""
    devices = describe_mesh(program.mesh)
    try:
        arguments, temporary = memory_of(program.lower().compile())
    except UserError as error:
        return f"{devices}\nmemory of a device: {error}"
    return (
        f"{devices}\n"
        "memory of a device, as the compiler counts it: "
        f"{arguments / MIB:,.1f} MiB for the state and a batch, "
        f"{temporary / MIB:,.1f} MiB for activations and gradients"
    )


def memory_of(step: jax.stages.Compiled) -> tuple[int, int]:
    """Return the bytes per device of a step's arguments, and of its temporaries and outputs.

    Raises:
        UserError: If they are not known: not every plugin of XLA counts them, or not for programs
            from the cache.
    """
    memory = step.memory_analysis()
    if memory is None:
        raise UserError("not known, because XLA does not count it here")
    temporary = memory.temp_size_in_bytes + memory.output_size_in_bytes - memory.alias_size_in_bytes
    return memory.argument_size_in_bytes, temporary


def _count(tree: PyTree) -> int:
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(tree))
