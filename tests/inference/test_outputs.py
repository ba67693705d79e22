"""What commands write: whole files, under names of their own, and nothing of the user's."""

import dataclasses
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import tiny
from paths import REFERENCE
from PIL import Image

from jaxgan.cli import main as cli
from jaxgan.errors import UserError
from jaxgan.files import printable, replacing, write_text
from jaxgan.inference.outputs import RECORD, Names, claim
from jaxgan.training.trainer import train

MINE = b"the user's"


def test_a_file_is_whole_or_as_before(tmp_path):
    file = tmp_path / ("ä" * 120)  # near the limit of 255 bytes
    write_text(file, "before")

    def fail():
        with replacing(file) as opened:
            opened.write(b"half of")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        fail()
    assert file.read_text() == "before"
    write_text(file, "after")
    assert file.read_text() == "after"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_what_a_link_leads_to_is_not_written(tmp_path, link):
    (tmp_path / "mine").write_bytes(MINE)
    link(tmp_path / "mine", tmp_path / "out")
    write_text(tmp_path / "out", "new")
    assert (tmp_path / "mine").read_bytes() == MINE
    assert (tmp_path / "out").read_text() == "new"


def test_names_are_unique_where_case_and_unicode_form_do_not_count():
    names = Names([Path("folder.png")])
    taken = [
        names.take(Path(name), Path(f"{name}.png"))
        for name in ("a.png", "A.png", "\u00e4", "A\u0308", "a\u0308", "Folder.PNG")
    ]
    assert list(map(str, taken)) == [
        *("a.png", "A.png.png", "\u00e4", "A\u0308.png", "a\u0308.2.png", "Folder.PNG.png")
    ]


def test_names_are_printable():
    assert printable(os.fsdecode(b"caf\xe9 \xc3\xa9\n.png")) == "caf\\xe9 é\\n.png"


def test_only_recorded_files_are_replaced(tmp_path):
    names = [Path("deep/a.png"), Path("b.png")]
    claim(tmp_path / "out", names, overwrite=False)
    for name in names:
        (tmp_path / "out" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "out" / name).write_bytes(b"")
    claim(tmp_path / "out", names, overwrite=False)
    (tmp_path / "out" / "c.png").write_bytes(MINE)
    names += [Path("c.png"), Path("d.png")]
    with pytest.raises(UserError, match=r"out/c\.png exists, and jaxgan did not write it"):
        claim(tmp_path / "out", names, overwrite=False)
    assert "d.png" not in json.loads((tmp_path / "out" / RECORD).read_text())
    claim(tmp_path / "out", names, overwrite=True)
    (tmp_path / "out" / RECORD).write_text("{")
    with pytest.raises(UserError, match=r"out/b\.png exists"):
        claim(tmp_path / "out", names, overwrite=False)


def test_inputs_folders_and_pipes_are_never_replaced(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(MINE)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "deep").symlink_to(tmp_path / "in")
    os.mkfifo(tmp_path / "out" / "pipe.png")
    (tmp_path / "out" / "file").write_bytes(MINE)
    inputs = [tmp_path / "in" / "a.png"]
    for name, message in (
        ("deep/a.png", r"deep/a\.png is one of the inputs"),
        ("pipe.png", "is not a regular file"),
        ("deep", "is not a regular file"),
        ("file/a.png", "out/file is not a folder"),
    ):
        with pytest.raises(UserError, match=message):
            claim(tmp_path / "out", [Path(name)], overwrite=True, inputs=inputs)
    with pytest.raises(UserError, match="out/file is not a folder"):
        claim(tmp_path / "out" / "file", [Path("a.png")], overwrite=True)
    assert not (tmp_path / "out" / RECORD).exists()


# By command, its arguments and a name among those that it writes.
COMMANDS = {
    "translate": (["--run", "CYCLEGAN", "--input", "IN", "--output", "OUT"], "x.png"),
    "translate, the page": (
        ["--run", "CYCLEGAN", "--input", "IN", "--output", "OUT"],
        "index.html",
    ),
    "translate, a picture": (
        ["--run", "CYCLEGAN", "--input", "IN", "--output", "OUT", "--format", "tiff"],
        "pictures/x.tiff.output.png",
    ),
    "generate": (["--run", "DCGAN", "--count", "2", "--output", "OUT"], "00001.png"),
    "generate, the grid": (["--run", "DCGAN", "--count", "2", "--output", "OUT"], "grid.png"),
    "export, to PyTorch": (
        ["--run", "CYCLEGAN", "--output", "OUT", "--format", "torch"],
        "latest_net_D_A.pth",
    ),
    "evaluate": (
        ["--run", "CYCLEGAN", "--metrics", "kid", "--output", "OUT/mine.json"],
        "mine.json",
    ),
    "import-torch": (["--from", "TORCH", "--workdir", "OUT"], "checkpoints/mine"),
}


@pytest.fixture(scope="module")
def dcgan(tmp_path_factory):
    """A run of imported weights."""
    folder, run = tmp_path_factory.mktemp("torch"), tmp_path_factory.mktemp("dcgan") / "run"
    shutil.copy(REFERENCE / "dcgan_net_G.pth", folder / "netG.pth")
    assert cli.main(["import-torch", "--from", str(folder), "--workdir", str(run)]) == 0
    return run


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_leave_files_of_the_user_as_they_were(runs, dcgan, tmp_path, capsys, command):
    arguments, name = COMMANDS[command]
    for folder in ("in", "torch"):
        (tmp_path / folder).mkdir()
    Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(tmp_path / "in" / "x.png")
    shutil.copy(REFERENCE / "pix2pix_vanilla_net_G.pth", tmp_path / "torch" / "latest_net_G.pth")
    mine = tmp_path / "out" / name
    mine.parent.mkdir(parents=True)
    mine.write_bytes(MINE)
    folders = {
        "CYCLEGAN": runs["cyclegan"], "DCGAN": dcgan, "IN": tmp_path / "in",
        "OUT": tmp_path / "out", "TORCH": tmp_path / "torch",
    }  # fmt: skip
    for key, folder in folders.items():
        arguments = [argument.replace(key, str(folder)) for argument in arguments]
    first = command.partition(",")[0]
    capsys.readouterr()
    assert cli.main([first, *arguments]) == 2
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 1
    assert str(tmp_path / "out") in errors[0]
    assert mine.read_bytes() == MINE
    assert [file for file in (tmp_path / "out").rglob("*") if file.is_file()] == [mine]
    if first in ("translate", "generate", "export"):
        assert cli.main([first, *arguments, "--overwrite"]) == 0
        assert mine.read_bytes() != MINE
        mine.write_bytes(MINE)  # jaxgan wrote a file of this name
        assert cli.main([first, *arguments]) == 0
        assert mine.read_bytes() != MINE


@pytest.mark.parametrize(
    "name", ["index.html", "metrics.jsonl", "samples/step_00000009.png", "config.json"]
)
def test_training_leaves_files_of_the_user_as_they_were(facades, tmp_path, name):
    mine = tmp_path / name
    mine.parent.mkdir(exist_ok=True)
    mine.write_bytes(MINE)
    with pytest.raises(UserError, match="choose another --workdir"):
        train(dataclasses.replace(tiny.get_config(), data=facades), tmp_path)
    assert mine.read_bytes() == MINE
    assert {file for file in tmp_path.rglob("*") if file.is_file()} <= {mine, tmp_path / ".lock"}
