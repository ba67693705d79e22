"""README and docs: commands parse, names exist, quotes are exact, links lead somewhere."""

import ast
import dataclasses
import functools
import re
import shlex
import textwrap
import tomllib
from pathlib import Path

import cases
import jax
import options
import pytest
import pytorch
import quality
import report
from paths import CONFIGS, ROOT

from jaxgan.cli import main as cli
from jaxgan.cli import train as command_line
from jaxgan.cli.arguments import TrainArguments
from jaxgan.cli.evaluate import Evaluate
from jaxgan.cli.generate import Generate
from jaxgan.cli.torch import ExportTorch, ImportTorch
from jaxgan.cli.translate import Translate
from jaxgan.config import load
from jaxgan.packaged import find_config
from jaxgan.settings.resume import UNNAMED

README = (ROOT / "README.md").read_text()
PAGES = {
    str(file.relative_to(ROOT)): file.read_text()
    for file in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
}
FENCE = re.compile(r"^```(\w*)(?: title=\"([^\"\n]*)\")?\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(text: str, language: str) -> list[str]:
    """Return the code blocks of a page that do not quote a file."""
    return [code for name, file, code in FENCE.findall(text) if name == language and not file]


def inline(text: str) -> list[str]:
    return re.findall(r"`([^`\n]+)`", FENCE.sub("", text))


def commands(pattern: str) -> list[str]:
    """Return what matches the group of a pattern, in shell blocks and in code within sentences."""
    lines = [
        line
        for text in PAGES.values()
        for line in [*"".join(blocks(text, "sh")).splitlines(), *inline(text)]
    ]
    return list(dict.fromkeys(match[1] for line in lines if (match := re.search(pattern, line))))


# Commands


JOBS = [(ROOT / "docs" / name).read_text() for name in ("slurm.sh", "kubernetes.yaml")]
IN_JOBS = re.findall(
    r"python train\.py (.*)",
    "".join(JOBS).replace(" &\n", "\n").replace("\\\n", "").replace("$JOB_COMPLETION_INDEX", "1"),
)
TRAIN = [*commands(r"python train\.py (.*)"), *IN_JOBS]
NAMED = commands(r"^jaxgan train ([a-z].*)")
OWN_COPIES = {"my_facades.py": "pix2pix_facades", "my.py": "pix2pix_folder"}  # in the text


def test_commands_are_found():
    assert len(IN_JOBS) == 2
    assert len(TRAIN) > 10
    assert len(NAMED) > 10


@pytest.mark.parametrize("command", [c for c in TRAIN if "--help" not in c])
def test_commands_of_train_py_parse(command, monkeypatch):
    monkeypatch.chdir(ROOT)
    command_line.parse(shlex.split(command))


@pytest.mark.parametrize("command", [c for c in NAMED if "--help" not in c])
def test_commands_of_jaxgan_train_parse(command):
    config, *rest = shlex.split(command)
    cli.parse(["train", OWN_COPIES.get(config, config), *rest])


OTHERS = commands(r"^jaxgan ((?!train|configs)[a-z-]+ -.*)")


def test_all_commands_for_trained_models_are_shown():
    assert {command.split()[0] for command in OTHERS} == {
        *("translate", "generate", "demo", "evaluate", "export", "import-torch")
    }


@pytest.mark.parametrize("command", OTHERS)
def test_commands_for_trained_models_parse(command):
    cli.parse(shlex.split(command))


@pytest.mark.parametrize("command", commands(r"^jaxgan (configs [a-z].*)"))
def test_commands_for_configs_parse(command):
    assert find_config(cli.parse(shlex.split(command)).name)


BENCHMARKS = commands(r"^python benchmarks/(.*)")


def test_every_row_of_the_comparison_has_its_command():
    assert sum(command.startswith("pytorch.py") for command in BENCHMARKS) == 6


@pytest.mark.parametrize("command", BENCHMARKS)
def test_commands_of_benchmarks_parse(command, monkeypatch):
    monkeypatch.chdir(ROOT)
    name, *arguments = shlex.split(command)
    assert (ROOT / "benchmarks" / name).exists()
    if name in ("report.py", "quality.py"):
        {"report.py": report, "quality.py": quality}[name].read_arguments(arguments)
        return
    if name == "pytorch.py":
        _, rest = pytorch.read_arguments(arguments)
    else:
        _, rest = options.read(options.parser(), arguments)
    command_line.parse(rest)


def test_extras_exist():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = {name for text in PAGES.values() for name in re.findall(r"\.\[(\w+)\]", text)}
    assert named == project["optional-dependencies"].keys()


def test_ci_runs_the_test_command_of_the_readme_and_builds_the_pages():
    assert sum(line.endswith("bin/pytest") for line in README.splitlines()) == 1
    ci = (ROOT / ".ci" / "run").read_text()
    assert "grep -m 1 'bin/pytest$' README.md" in ci
    assert "mkdocs build --strict" in ci


# Names


@functools.cache
def fields() -> set[str]:
    """Return the fields of all configs, as they are named on the command line."""

    def below(value, path):
        for field in dataclasses.fields(value):
            name = path if field.name in UNNAMED else f"{path}.{field.name}"
            yield name
            if dataclasses.is_dataclass(inner := getattr(value, field.name)):
                yield from below(inner, name)

    return {name for file in CONFIGS.glob("*.py") for name in below(load(file), "config")}


@pytest.mark.parametrize("page", PAGES)
def test_fields_exist(page):
    named = set(re.findall(r"config\.(?:train|data|method)(?:\.[a-z]\w*)+", PAGES[page]))
    assert named <= fields()


@pytest.mark.parametrize("name", ["using_models", "evaluation", "reading_a_run", "own_images"])
def test_options_in_sentences_and_tables_exist(name):
    commands = (Translate, Generate, Evaluate, ImportTorch, ExportTorch, TrainArguments)
    known = {field.name for command in commands for field in dataclasses.fields(command)}
    named = re.findall(r"--([\w-]+)", " ".join(inline(PAGES[f"docs/{name}.md"])))
    assert {option.replace("-", "_") for option in named} - {"from", "help"} <= known


@functools.cache
def metrics() -> set[str]:
    """Return the names of the metrics that the train steps return."""
    names = set()
    for case in (cases.METHODS[name] for name in ("pix2pix", "cyclegan", "cut", "dcgan")):
        key = jax.random.key(0)
        state = jax.eval_shape(lambda key, case=case: case.method.init(key, case.spec(2)), key)
        _, found = jax.eval_shape(case.method.train_step, state, case.spec(2), key)
        names |= found.keys()
    return names


@pytest.mark.parametrize("page", PAGES)
def test_metrics_exist(page):
    named = set(re.findall(r"`((?:loss|accuracy|correlation|warning)/\w+)`", PAGES[page]))
    assert named <= {*metrics(), "loss/l1"}


def test_alarms_exist():
    alarms = PAGES["docs/reading_a_run.md"].split("## Warnings")[1].split("## ")[0]
    named = set(re.findall(r"^\| (`[^|]*`) \|", alarms, re.MULTILINE))
    named = {name for cell in named for name in re.findall(r"`(\w+)`", cell)}
    assert {f"warning/{name}" for name in named} == {
        name for name in metrics() if name.startswith("warning/")
    }


TUTORIALS = [page for page in PAGES if page.startswith("docs/tutorials/")]


@pytest.mark.parametrize("page", TUTORIALS)
def test_code_for_the_symbols_of_a_paper_exists(page):
    name = Path(page).stem
    files = [ROOT / f"jaxgan/methods/{name}.py", *(ROOT / "jaxgan/networks").glob("*.py")]
    sources = "".join(file.read_text() for file in files)
    section = PAGES[page].split("## Where each symbol is")[1].split("\n## ")[0]
    table = section[section.rindex("| paper | code |") :].split("\n\n")[0]
    cells = [row.split("|")[2] for row in table.splitlines()[2:]]
    named = [code for cell in cells for code in inline(cell) if not (ROOT / code).exists()]
    assert len(named) >= 8
    for code in named:
        assert code in sources, code


@pytest.mark.parametrize("page", PAGES)
def test_methods_and_functions_exist(page):
    files = [*(ROOT / "jaxgan").rglob("*.py")]
    for owner, name in re.findall(r"`([A-Z]\w+)\.(\w+)[`(]", PAGES[page]):
        if (ROOT / f"{owner}.{name}").exists():
            continue
        defining = [file.read_text() for file in files if f"class {owner}" in file.read_text()]
        assert any(f"def {name}(" in source for source in defining), f"{owner}.{name}"
    for name, path in re.findall(r"`(\w+)` in `(jaxgan/[\w/]+\.py)`", PAGES[page]):
        assert re.search(rf"\b{name}\b", (ROOT / path).read_text()), f"{name} in {path}"


# Quotes


QUOTES = [
    pytest.param(file, code, id=f"{Path(page).stem}-{Path(file).stem}-{number}")
    for page, text in PAGES.items()
    for number, (_, file, code) in enumerate(FENCE.findall(text))
    if file
]


def test_every_tutorial_quotes_its_train_step():
    quoted = {quote.values[0] for quote in QUOTES}
    assert quoted >= {f"jaxgan/methods/{Path(page).stem}.py" for page in TUTORIALS}


@pytest.mark.parametrize(("file", "code"), QUOTES)
def test_quoted_code_is_that_of_the_file(file, code):
    source = (ROOT / file).read_text()
    assert any(textwrap.indent(code, " " * indent) in source for indent in range(0, 24, 4))


@pytest.mark.parametrize("page", PAGES)
def test_python_code_is_valid(page):
    for code in blocks(PAGES[page], "python"):
        ast.parse(f"def f(self):\n{textwrap.indent(code, ' ')}")


# Links and paths


def anchors(text: str) -> set[str]:
    """Return the anchors of a page, which GitHub and MkDocs derive from its headings."""
    headings = re.findall(r"^#+ (.*)$", FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", PAGES[page]):
        name, _, anchor = target.partition("#")
        file = (ROOT / page).parent / name if name else ROOT / page
        assert file.exists(), target
        if anchor:
            assert anchor in anchors(file.read_text()), target


@pytest.mark.parametrize("page", PAGES)
def test_paths_exist(page):
    for path in re.findall(r"`((?:jaxgan|configs|tests|benchmarks|docs)/[^`\s]*)", PAGES[page]):
        assert (ROOT / path).exists(), path
    for name in re.findall(r"`(test_\w+\.py)`", PAGES[page]):
        assert list((ROOT / "tests").rglob(name)), name


def test_the_tour_lists_every_package():
    parts = {*(ROOT / "jaxgan").iterdir()} - {ROOT / "jaxgan" / "py.typed"}
    for part in parts:
        if part.name.startswith("__"):
            continue
        name = f"`jaxgan/{part.name}{'/' if part.is_dir() else ''}`"
        assert name in PAGES["docs/code_tour.md"].split("## Packages")[1], name


def test_every_page_is_linked_from_the_readme_or_from_the_start_page():
    linked = README + PAGES["docs/index.md"].replace("](", "](docs/")
    for page in PAGES:
        assert page in ("README.md",) or f"]({page}" in linked, page


def test_readme_is_short():
    assert len(README.split()) <= 900
