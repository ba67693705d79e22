import ast
import shlex

import pytest
from paths import CONFIGS

from jaxgan.cli import main as cli
from jaxgan.config import load

NAMES = sorted(path.stem for path in CONFIGS.glob("*.py"))


def test_every_packaged_config_is_listed_with_its_first_line(capsys):
    assert cli.main(["configs"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for name, line in zip(NAMES, lines, strict=False):
        listed, described = line.split(maxsplit=1)
        assert listed == name
        docstring = ast.literal_eval(ast.parse((CONFIGS / f"{name}.py").read_text()).body[0].value)
        assert described == docstring.splitlines()[0]


@pytest.mark.parametrize("name", NAMES)
def test_a_copy_is_the_same_config_in_any_folder(tmp_path, capsys, name):
    file = tmp_path / "my own.py"
    assert cli.main(["configs", name, f"--output={file}"]) == 0
    command = shlex.split(capsys.readouterr().out.partition("then: ")[2])
    assert command == ["jaxgan", "train", str(file)]
    assert file.read_text() == (CONFIGS / f"{name}.py").read_text()
    copy, original = load(file), load(name)
    assert (copy.data, copy.train) == (original.data, original.train)
    assert vars(copy.method) == vars(original.method)  # a class of l1_only is another in its copy


def test_a_copy_replaces_no_file(tmp_path, capsys):
    (tmp_path / "mine.py").write_text("mine")
    assert cli.main(["configs", "quickstart", f"--output={tmp_path / 'mine.py'}"]) == 2
    assert capsys.readouterr().err.endswith("mine.py exists: choose another --output\n")
    assert (tmp_path / "mine.py").read_text() == "mine"


def test_a_config_is_printed(capsys):
    assert cli.main(["configs", "quickstart"]) == 0
    assert capsys.readouterr().out == (CONFIGS / "quickstart.py").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["quickstrt"], "perhaps you meant quickstart"),
        (["--output=x.py"], "name the config to copy: jaxgan configs NAME --output FILE"),
    ],
)
def test_what_cannot_be_copied_is_named(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["configs", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_the_command_alone_gives_an_overview(capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main([])
    assert stopped.value.code == 0
    text = capsys.readouterr().out
    for command in ("jaxgan train quickstart", "jaxgan configs", "translate", "export"):
        assert command in text


def test_a_command_with_a_typo_gets_the_nearest_one(capsys):
    assert cli.main(["exprot", "--run", "latest"]) == 2
    assert "unknown command exprot: perhaps you meant export; choose one of train," in (
        capsys.readouterr().err
    )
