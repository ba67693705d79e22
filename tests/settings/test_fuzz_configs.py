"""Configs edited by hand, and nonsense on the command line: an error is always one line."""

import copy
import json
import random
from pathlib import Path

import pytest
import tiny
import tiny_cyclegan
from paths import ROOT

from jaxgan.cli import train as command_line
from jaxgan.config import load
from jaxgan.errors import UserError
from jaxgan.settings.stored import from_json, to_json
from jaxgan.training.program import resolve, state_shapes

pytestmark = pytest.mark.filterwarnings("ignore:no identity loss")
FILES = [
    *(ROOT / "configs" / f"{name}_folder.py" for name in ("dcgan", "pix2pix", "cyclegan")),
    Path(tiny.__file__),
    Path(tiny_cyclegan.__file__),
]
VALUES = [
    *(None, True, False, -1, 0, 1, 2, 3, 17, 1000, 65536, 2**31, 2**32, 2**64, 10**30, -(10**30)),
    *(0.5, -0.5, 1.5, 1e-320, 1e39, 1e300, float("nan"), float("inf"), float("-inf")),
    *("", "x", "batch", "data:8", "../..", "\0", "é\n", [], [1], [0, 1], [1, 0], [[]], {}),
    {"type": "jaxgan.methods.schedules.Constant"},
    {"type": "jaxgan.data.crops.Crops"},
    {"type": "jaxgan.methods.dcgan.DCGAN"},
    {"type": "os.system"},
    {"type": None},
    {"type": "jaxgan"},
]
SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 21))]


def use(config):
    """Do what every command does with a config, without compiling its networks."""
    resolved = resolve(config)
    if config.data.loading.crop_size < 64:  # larger networks take seconds
        state_shapes(resolved)


def error_of(call):
    """Return the message of the error that a user gets, or an empty string."""
    try:
        call()
    except UserError as error:
        return str(error)
    return ""


def leaves(value, path=()):
    """Return the paths of all values in a config, those of whole parts too."""
    found = [path] if path else []
    children = value.items() if isinstance(value, dict) else ()
    return found + [leaf for name, part in children for leaf in leaves(part, (*path, name))]


def mutate(random, plain):
    mutated = copy.deepcopy(plain)
    *parents, name = random.choice(leaves(mutated))
    part = mutated
    for parent in parents:
        part = part[parent]
    match random.randrange(10):
        case 0:
            del part[name]
        case 1:
            part["unknown"] = random.choice(VALUES)
        case _:
            part[name] = random.choice(VALUES)
    return mutated


@pytest.mark.parametrize("seed", SEEDS)
def test_an_edited_config_is_used_or_refused_in_one_line(seed):
    chosen = random.Random(seed)
    plain = [to_json(load(file)) for file in FILES]
    refused = 0
    for case in range(150):
        mutated = mutate(chosen, chosen.choice(plain))
        error = error_of(lambda mutated=mutated: use(from_json(json.loads(json.dumps(mutated)))))
        assert "\n" not in error, (case, error)
        refused += error != ""
    assert refused > 50


@pytest.mark.parametrize("seed", SEEDS)
def test_nonsense_on_the_command_line_is_refused_in_one_line(seed, capsys):
    chosen = random.Random(seed)
    refused = 0
    for case in range(40):
        file = chosen.choice(FILES)
        fields = [path for path in leaves(to_json(load(file))) if path[-1] != "type"]
        arguments = [
            f"--config.{'.'.join(n for n in path if n not in ('source', 'loading', 'compute'))}"
            f"={chosen.choice(VALUES)}"
            for path in chosen.sample(fields, chosen.randrange(1, 3))
        ]
        arguments = [f"--config={file}", *arguments]
        error = error_of(lambda arguments=arguments: use(command_line.parse(arguments)[1].config))
        assert "\n" not in error, (case, arguments, error)
        refused += error != ""
    assert refused > 10


@pytest.mark.parametrize(
    ("path", "value", "part"),
    [
        (["method"], None, "method must be Method, not None"),
        (["method", "features"], 1.5, "features must be int, not 1.5"),
        (["method", "features"], 10**20, "features must be at most 65536"),
        (["method", "schedule"], -1, "schedule must be Schedule, not -1"),
        (["method", "norm"], "layer", "norm must be Literal['batch', 'instance'], not 'layer'"),
        (["method", "learning_rate"], float("nan"), "learning_rate must be finite, not nan"),
        (["train", "steps"], 2**31, "steps must be at most 2147483647"),
        (["train", "init_from"], "", "init_from is empty: set it, or leave it out"),
        (["data"], {"type": "jaxgan.data.crops.Crops"}, "data must be Dataset, not Loading("),
    ],
)
def test_the_field_that_does_not_fit_is_named(path, value, part):
    plain = to_json(tiny.get_config())
    *parents, name = path
    edited = plain
    for parent in parents:
        edited = edited[parent]
    edited[name] = value
    with pytest.raises(UserError) as raised:
        from_json(plain)
    assert part in str(raised.value)
