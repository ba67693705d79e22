"""The files about the project agree with each other."""

import re
import tomllib

import yaml
from paths import ROOT

from jaxgan import __version__

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()


def test_the_changelog_and_the_citation_name_this_version_and_its_date():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    changelog = (ROOT / "CHANGELOG.md").read_text()
    released = re.findall(r"^## \[(\d[^\]]*)\](?: - (.*))?$", changelog, re.MULTILINE)
    assert citation["version"] == __version__
    assert released[0] == (__version__, str(citation["date-released"]))


def test_the_citation_names_the_license():
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["license"] == PROJECT["license"]


def test_the_workflow_tests_every_supported_python_and_every_part_of_ci():
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())["jobs"]
    matrix = jobs["test"]["strategy"]["matrix"]["include"]
    supported = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"]))
    assert [job["python"] for job in matrix] == supported
    parts = re.findall(r"^(\w+)\(\) \{$", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
    # `newest` is another Python, which is a job of its own here.
    assert {part for job in matrix for part in job["parts"].split()} == {*parts} - {"newest"}


def names(requirements):
    return {re.match(r"[\w.-]+", requirement)[0] for requirement in requirements}


def rows(header):
    """Return the first two cells of each row of the table with this header in CONTRIBUTING."""
    table = CONTRIBUTING.partition(f"| {header} |")[2].partition("\n\n")[0]
    return re.findall(r"^\| `([^`]+)` \| `?([^`|]+?)`? \|", table, re.MULTILINE)


def test_contributing_lists_every_dependency_once():
    listed = [name for name, _ in rows("package | MiB")]
    assert sorted(listed) == sorted(names(PROJECT["dependencies"]))


def test_contributing_lists_every_dependency_of_the_extras_once():
    extras = PROJECT["optional-dependencies"]
    expected = {
        (name, extra) for extra in extras for name in names(extras[extra]) - {"jax", "jaxgan"}
    }
    assert sorted(rows("package | extra")) == sorted(expected)
