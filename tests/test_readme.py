"""The commands of README and the configs parse, and the files they name exist."""

import re
import shlex

import pytest
import pytorch
from paths import ROOT

from jaxgan.cli import main as cli
from jaxgan.cli import train as command_line

README = (ROOT / "README.md").read_text()
CLOUD, SLURM, KUBERNETES = (
    (ROOT / "docs" / name).read_text() for name in ("cloud.md", "slurm.sh", "kubernetes.yaml")
)
JOBS = (SLURM + KUBERNETES.replace(" &\n", "\n")).replace("\\\n", "")
COMMANDS = re.findall(
    r"python (train\.py .*)", README + CLOUD + JOBS.replace("$JOB_COMPLETION_INDEX", "1")
)


def test_there_are_commands():
    assert len(COMMANDS) >= 6


@pytest.mark.parametrize("command", [c for c in COMMANDS if "--help" not in c])
def test_commands_parse(command, monkeypatch):
    monkeypatch.chdir(ROOT)
    command_line.parse(shlex.split(command)[1:])


BENCHMARKS = re.findall(r"^python benchmarks/pytorch\.py (.*)", README, re.MULTILINE)


def test_every_row_of_the_comparison_has_its_command():
    assert len(BENCHMARKS) == 6


@pytest.mark.parametrize("command", BENCHMARKS)
def test_commands_of_the_comparison_parse(command, monkeypatch):
    monkeypatch.chdir(ROOT)
    _, rest = pytorch.read_arguments(shlex.split(command))
    command_line.parse(rest)


OTHER_COMMANDS = re.findall(r"^jaxgan (.*)", README + CLOUD, re.MULTILINE)


def test_there_are_others():
    assert {command.split()[0] for command in OTHER_COMMANDS} >= {
        *("translate", "generate", "evaluate", "import-torch", "export-torch")
    }


@pytest.mark.parametrize("command", OTHER_COMMANDS)
def test_other_commands_parse(command):
    cli.parse(shlex.split(command))


def test_links_lead_somewhere():
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", README):
        name, _, anchor = target.partition("#")
        file = ROOT / (name or "README.md")
        assert file.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", file.read_text(), re.MULTILINE)
            assert anchor in (heading.lower().replace(" ", "-") for heading in headings), target


def test_paths_in_tables_exist():
    for path in re.findall(r"`((?:jaxgan|configs)/[^`]*)`", README):
        assert (ROOT / path).exists(), path


def test_ci_runs_the_test_command_of_the_readme():
    assert sum(line.endswith("bin/pytest") for line in README.splitlines()) == 1
    assert "grep -m 1 'bin/pytest$' README.md" in (ROOT / ".ci" / "run").read_text()
