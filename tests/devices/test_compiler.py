"""What is told XLA has the effect that it is for."""

import re

import jax
from cases import METHODS, init

from jaxgan.devices.compiler import compiler_options


def count_copied_arguments(options):
    case = METHODS["pix2pix"]
    state = jax.eval_shape(lambda: init(case.method, jax.random.key(0), case.spec(2)))
    step = jax.jit(case.method.train_step, donate_argnums=0, compiler_options=options)
    program = step.lower(state, case.spec(2), jax.random.key(0)).compile().as_text()
    entry = program[program.index("\nENTRY") :]
    arguments = set(re.findall(r"(\S+) = \S+ parameter\(", entry))
    return len(arguments.intersection(re.findall(r" copy\((\S+)\)", entry)))


def test_arguments_are_updated_in_place_without_a_copy_before():
    ours = compiler_options()
    others = {name: value for name, value in ours.items() if "copy_insertion" not in name}
    assert count_copied_arguments(ours) == 0 < count_copied_arguments(others)
