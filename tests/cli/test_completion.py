"""Shell completion, as tyro's script does it for bash."""

import subprocess
import sys

import pytest
from paths import ROOT

from jaxgan.cli import main as cli

COMPLETE = """
source "$1"; shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_tyro_jaxgan
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    command = [sys.executable, "-m", "jaxgan", "--tyro-print-completion", "bash"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    file = tmp_path_factory.mktemp("completion") / "jaxgan.bash"
    file.write_bytes(done.stdout)
    return file


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["tr"], {"train", "translate"}),
        (["train", "--"], {"--help", "--workdir", "--dry_run"}),
        (["train", "quickstart", "--w"], {"--workdir"}),
        (["configs", "--o"], {"--output"}),
        (["translate", "--tile_statistics", ""], {"image", "tile"}),
        (["export", "--w"], {"--weights"}),
        (["export", "--weights", ""], {"float32", "float16", "int8"}),
    ],
)
def test_commands_and_options_are_completed(script, words, expected):
    command = ["bash", "-c", COMPLETE, "bash", str(script), "jaxgan", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert set(done.stdout.splitlines()) == expected


@pytest.mark.parametrize("shells", [[], ["nosh"], ["bash", "zsh"]])
def test_other_shells_are_an_error(capsys, shells):
    assert cli.main(["--tyro-print-completion", *shells]) == 2
    assert "takes a shell: bash, zsh or fish" in capsys.readouterr().err
