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
