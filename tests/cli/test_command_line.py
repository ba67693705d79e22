import os
import re
import subprocess
import sys
from pathlib import Path

import jax
import pytest
from paths import ROOT

from jaxgan.cli import console
from jaxgan.cli import train as command_line
from jaxgan.errors import UserError
from jaxgan.training.dry_run import describe

TINY = f"--config={ROOT / 'tests' / 'tiny.py'}"


def parse(*arguments):
    return command_line.parse([TINY, *arguments])


def error(*arguments):
    with pytest.raises(UserError) as raised:
        command_line.parse(arguments)
    message = str(raised.value)
    assert "\n" not in message
    return message


def test_without_arguments_the_file_is_taken_as_it_is():
    name, arguments = parse()
    assert name == "tiny"
    assert arguments.config.train.steps == 6
    assert arguments.workdir is None
    assert not arguments.dry_run


def test_every_kind_of_field_can_be_set():
    _, arguments = parse(
        "--config.method.features=8",
        "--config.method.learning_rate=1e-3",
        "--config.method.norm=instance",
        "--config.data.flip=False",
        "--config.data.size=64",
        "--config.train.steps",
        "7",
        "--workdir=somewhere",
        "--dry-run",
    )
    method, data = arguments.config.method, arguments.config.data
    assert (method.features, method.learning_rate, method.norm) == (8, 1e-3, "instance")
    assert (data.loading.flip, data.source.size) == (False, 64)
    assert (arguments.config.train.steps, arguments.workdir) == (7, Path("somewhere"))
    assert arguments.dry_run


def test_a_typo_gets_a_suggestion():
    message = error(TINY, "--config.method.fetures=8")
    assert "--config.method.fetures=8" in message
    assert "perhaps you meant --config.method.features" in message


@pytest.mark.parametrize(
    ("argument", "parts"),
    [
        ("--config.method.features=many", ["--config.method.features", "'many'"]),
        ("--config.method.features=0", ["features must be at least 1"]),
        ("--config.method.norm=layer", ["--config.method.norm", "'batch', 'instance'"]),
        ("--config.method.adversarial_loss=wgangp", ["'vanilla', 'least_squares', 'hinge'"]),
        ("--config.data.load_size=20", ["load_size (20)", "crop_size (32)"]),
        ("--config.train.steps=-1", ["steps must be at least 1"]),
        ("--config.train.steps_per_dispatch=4", ["steps, 6, must be a multiple of", "dispatch, 4"]),
        ("--nonsense", ["--nonsense", "--help"]),
    ],
)
def test_values_that_do_not_fit_are_named_in_one_line(argument, parts):
    message = error(TINY, argument)
    for part in parts:
        assert part in message


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ([TINY, "--workdir="], "--workdir"),
        ([TINY, "--workdir", ""], "--workdir"),
        ([TINY, "--config.data.data_dir="], "--config.data.data_dir"),
        (["--config="], "--config"),
        (["--config", ""], "--config"),
    ],
)
def test_an_empty_value_is_refused(arguments, name):
    assert error(*arguments).startswith(f"{name} has an empty value")


def test_a_config_is_a_file_or_the_name_of_a_packaged_one():
    """First among the arguments, or after --config; train.py and `jaxgan train` take both."""
    file = str(ROOT / "configs" / "quickstart.py")
    (_, expected), *others = (
        command_line.parse([*config, "--config.train.steps=7"])
        for config in (["quickstart"], [file], ["--config", "quickstart"], [f"--config={file}"])
    )
    assert expected.config.train.steps == 7
    assert others == [("quickstart", expected)] * 3


def test_a_missing_config_names_similar_ones(monkeypatch):
    monkeypatch.chdir(ROOT)
    assert "perhaps you meant quickstart;" in error("quikstart")
    assert "perhaps you meant configs/quickstart.py;" in error("configs/quikstart.py")
    assert "perhaps you meant train.py;" in error("trian.py")
    assert "perhaps you meant pix2pix_maps" in error("--config", "elsewhere/pix2pix_map.py")
    assert error("nothing-like-it") == (
        "config nothing-like-it not found: pass a file, or a name that `jaxgan configs` lists"
    )
    for arguments in ([], ["--config"], ["--workdir", "runs/mine", "quickstart"]):
        assert error(*arguments).startswith("no config given: it comes first")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("x = 1", ["defines no get_config"]),
        ("def get_config(): return 3", ["must return a Config, not int"]),
        ("def get_config(:", ["SyntaxError"]),
        ("import jaxgann", ["ModuleNotFoundError", "jaxgann"]),
        ("def get_config(): return {}['a']", ["KeyError"]),
    ],
)
def test_a_config_file_that_fails_is_told_in_one_line(tmp_path, text, parts):
    (tmp_path / "mine.py").write_text(text)
    message = error("--config", str(tmp_path / "mine.py"))
    for part in ("mine.py", *parts):
        assert part in message


def test_help_without_a_config_explains_the_command(capsys):
    with pytest.raises(SystemExit) as stopped:
        command_line.parse(["--help"])
    assert stopped.value.code == 0
    text = capsys.readouterr().out
    for part in ("jaxgan train [-h] CONFIG", "jaxgan configs", "--workdir", "--config.FIELD=VALUE"):
        assert part in text


def test_help_explains_every_field(capsys):
    with pytest.raises(SystemExit) as stopped:
        parse("--help")
    assert stopped.value.code == 0
    text = capsys.readouterr().out
    entries = re.split(r"(?=--config\.)", re.sub(r"[\s│]+", " ", text))[2:]  # after the usage
    assert len(entries) > 30
    for entry in entries:
        assert re.match(r"--config\S+ \S+ [A-Z].*\(default: ", entry), entry


def test_dry_run_counts_parameters_and_memory():
    _, arguments = parse()
    text = describe(arguments.config)
    # generator and discriminator of 4 features, counted by hand in the order of their layers
    kernels = 16 * (3 * 4 + 4 * 8 + 8 * 16 + 16 * 32 + 32 * 32)
    kernels += 16 * (32 * 32 + 64 * 16 + 32 * 8 + 16 * 4 + 8 * 3) + 3
    generator = kernels + 2 * (8 + 16 + 32) + 2 * (32 + 16 + 8 + 4)
    discriminator = 16 * (6 * 4 + 4 * 8 + 8 * 16 + 16) + 4 + 1 + 2 * (8 + 16)
    assert f"{generator:,} parameters" in text
    assert f"{discriminator:,} parameters" in text
    assert f"{generator + discriminator:,} parameters" in text
    running = 2 * (8 + 16 + 32) + 2 * (32 + 16 + 8 + 4) + 2 * (8 + 16)
    floats = 3 * (generator + discriminator) + running + 1 + 4  # Adam: two moments; the counters
    example = 2 * 36 * 36 * 3  # bytes of a pair: each of two devices has one
    assert f"{(4 * floats + example) / 2**20:,.1f} MiB for the state and a batch" in text


def test_dry_run_says_so_where_memory_is_not_counted(monkeypatch):
    monkeypatch.setattr(jax.stages.Compiled, "memory_analysis", lambda step: None)
    _, arguments = parse()
    text = describe(arguments.config)
    assert text.endswith("memory of a device: not known, because XLA does not count it here")
    assert "mesh data:2" in text
    assert '"steps": 6' in text


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["--help"], 0), ([TINY, "--dry-run"], 0), ([TINY, "--typo"], 2), ([], 2)],
)
@pytest.mark.parametrize("program", [["train.py"], ["-m", "jaxgan", "train"]])
def test_exit_codes_of_the_program(program, arguments, code, tmp_path):
    command = [sys.executable, *program, *arguments]
    # jaxlib 0.10.0 logs an error for every program that it loads from the cache.
    environment = {**os.environ, "JAX_COMPILATION_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == code
    assert bool(done.stdout) is (code == 0)
    assert len(done.stderr.splitlines()) == (1 if code else 0)


def test_names_of_files_do_not_break_lines_or_prints(capsys):
    def main():
        print(os.fsdecode(b"caf\xe9"))
        raise UserError("the folder a\nb does not exist")

    assert console.run(main) == 2
    printed = capsys.readouterr()
    assert printed.out == "caf\\udce9\n"
    assert printed.err == "error: the folder a\\nb does not exist\n"
