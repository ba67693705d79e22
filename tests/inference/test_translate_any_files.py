"""Files of any name, kind and place through `jaxgan translate`."""

import os
import shutil
import socket
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote_to_bytes, urljoin, urlsplit

import jax
import numpy as np
import pytest
from PIL import Image

import jaxgan.inference.folder
from jaxgan.cli import main as cli
from jaxgan.images.files import read_image
from jaxgan.inference.folder import Options

RNG = np.random.default_rng(0)


def save(file, height, width, channels=3, dtype=np.uint8):
    file.parent.mkdir(parents=True, exist_ok=True)
    pixels = RNG.integers(0, np.iinfo(dtype).max, (height, width, channels), dtype)
    Image.fromarray(pixels.squeeze(-1) if channels == 1 else pixels).save(file)


def translate(runs, tmp_path, *more):
    """Translate the folder `in` to `out` without the network, and return the exit code."""
    arguments = ["translate", "--run", str(runs["cyclegan"]), "--input", str(tmp_path / "in")]
    return cli.main([*arguments, "--output", str(tmp_path / "out"), *more])


@pytest.fixture
def no_network(monkeypatch):
    """Images are their own translations, so that nothing is compiled."""

    def same(model, direction, images, batch_size, options):
        return images

    monkeypatch.setattr(jaxgan.inference.folder, "_translate", same)


class Links(HTMLParser):
    """The files that the pictures of a page lead to, as a browser finds them."""

    def __init__(self, page):
        super().__init__()
        self.files = []
        self._page = page
        self.feed(page.read_text("utf-8"))

    def handle_starttag(self, tag, attrs):
        if tag == "img":
            url = urlsplit(urljoin(self._page.as_uri(), dict(attrs)["src"]))
            assert not url.query
            assert not url.fragment
            self.files.append(Path(os.fsdecode(unquote_to_bytes(url.path))))


NAMES = (
    *(b"plain", b"with space", b"a#b", b"what?", b"%41", b"new\nline", b"<b>&amp;\"'", b"\xc3\xa9"),
    *(b"latin \xe9", b"c:d", b"back\\slash", b"$title"),
)


def test_pictures_of_any_name_are_written_and_linked(runs, tmp_path, capsys, no_network):
    save(tmp_path / "in" / "x.tiff", 8, 9)
    save(tmp_path / "in" / "x.png", 8, 9)
    for name in NAMES:
        for suffix in (".png", ".tiff"):
            copy = os.fsdecode(name + suffix.encode())
            shutil.copy(tmp_path / "in" / f"x{suffix}", tmp_path / "in" / copy)
    (tmp_path / "in" / os.fsdecode(b"bad \xe9\n.png")).write_bytes(b"no image")
    assert translate(runs, tmp_path) == 1
    errors = capsys.readouterr().err
    assert errors.splitlines()[-1].endswith("in/bad \\xe9\\n.png: not an image")
    names = {os.fsencode(file.name) for file in (tmp_path / "out").iterdir()}
    assert names >= {name + suffix for name in NAMES for suffix in (b".png", b".tiff")}
    page = tmp_path / "out" / "index.html"
    files = Links(page).files
    assert len(files) == 4 * (len(NAMES) + 1)
    for file in files:
        with Image.open(file) as image:
            assert image.format == "PNG"
    for shown in ("latin \\xe9.png", "new\\nline.png", "é.png", "$title.png"):
        assert f"<span>{shown}</span>" in page.read_text("utf-8")


def test_outputs_have_names_of_their_own(runs, tmp_path, capsys, no_network):
    names = ("a.png", "A.png", "a.png.png", "a.jpg", "a.bmp", "a.jpg.png", "b.JPG", "c.png/d.bmp")
    for index, name in enumerate((*names, "c.bmp", "pictures/e.png.input.png", "e.tiff")):
        save(tmp_path / "in" / name, 8, 9 + index)
    assert translate(runs, tmp_path, "--format", "png") == 0
    assert f"{len(names) + 3} images written" in capsys.readouterr().out
    written = {
        str(file.relative_to(tmp_path / "out")): read_image(file, 3).shape[1] - 9
        for file in (tmp_path / "out").rglob("*.png")
        if file.is_file()
    }
    outputs = {
        **{"a.png.2.png": 0, "A.png": 1, "a.png.png": 2, "a.jpg.png": 5, "b.png": 6},
        **{"a.bmp.png": 4, "a.jpg.2.png": 3, "c.png/d.png": 7, "c.bmp.png": 8},
        "pictures/e.png.input.png": 9,
    }
    inputs = {f"pictures/{name}.input.png": index for name, index in outputs.items()}
    assert written == outputs | inputs | {"e.png": 10, "pictures/e.png.input.2.png": 10}
    folded = {name.casefold() for name in written}
    assert len(folded) == len(written)


@pytest.mark.parametrize("shape", [(), (5,), (0, 4, 3), (2, 3, 4, 3)])
def test_one_array_of_another_shape_stops_no_others(runs, tmp_path, capsys, no_network, shape):
    save(tmp_path / "in" / "x.png", 8, 9)
    np.save(tmp_path / "in" / "bad.npy", np.zeros(shape, np.uint8))
    assert translate(runs, tmp_path) == 1
    printed = capsys.readouterr()
    assert "bad.npy: an array of shape" in printed.err
    assert "1 images written" in printed.out


def test_one_file_of_a_name_that_the_disk_does_not_take_stops_no_others(
    runs, tmp_path, capsys, no_network
):
    save(tmp_path / "in" / "x.tiff", 8, 9)
    shutil.copy(tmp_path / "in" / "x.tiff", tmp_path / "in" / f"{'y' * 250}.tiff")
    assert translate(runs, tmp_path, "--format", "png") == 1
    assert "too long" in capsys.readouterr().err
    assert (tmp_path / "out" / "x.png").exists()


def test_an_image_too_large_for_the_device_stops_no_others(runs, tmp_path, capsys, monkeypatch):
    save(tmp_path / "in" / "large.png", 80, 90)
    save(tmp_path / "in" / "small.png", 8, 9)

    def translate_small(model, direction, images, batch_size, options):
        if images[0].shape[0] == 80:
            raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: out of memory")
        return images

    monkeypatch.setattr(jaxgan.inference.folder, "_translate", translate_small)
    assert translate(runs, tmp_path) == 1
    printed = capsys.readouterr()
    assert "large.png: too large for the device's memory: pass --tile" in printed.err
    assert "1 images written" in printed.out


def test_pipes_sockets_and_devices_are_refused_at_once(runs, tmp_path, capsys, no_network):
    save(tmp_path / "in" / "x.png", 8, 9)
    os.mkfifo(tmp_path / "in" / "pipe.png")
    (tmp_path / "in" / "device.png").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind(os.path.relpath(tmp_path / "in" / "socket.png"))  # names are limited
    assert translate(runs, tmp_path) == 1
    errors = capsys.readouterr().err
    for name in ("pipe", "device", "socket"):
        assert f"{name}.png: is not a regular file" in errors
    assert (tmp_path / "out" / "x.png").exists()
    arguments = ["translate", "--run", str(runs["cyclegan"]), "--output", str(tmp_path / "other")]
    for source in (tmp_path / "in" / "pipe.png", "/dev/zero"):
        assert cli.main([*arguments, "--input", str(source)]) == 2
        assert "is a named pipe, socket or device" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()


def test_large_images_are_translated_if_they_are_allowed(runs, tmp_path, capsys, no_network):
    save(tmp_path / "in" / "x.png", 8, 9)
    save(tmp_path / "in" / "large.tiff", 80, 90)
    assert translate(runs, tmp_path, "--max_pixels", "100") == 1
    printed = capsys.readouterr()
    assert "large.tiff: 90x80 pixels are more than the limit of 100: pass --max_pixels 7200" in (
        printed.err
    )
    assert "1 images written" in printed.out
    assert translate(runs, tmp_path, "--max_pixels", "7200") == 0
    assert cli.Translate.max_pixels == Options.max_pixels == 2**28


@pytest.mark.parametrize("overwrite", [[], ["--overwrite"]])
def test_links_in_the_output_do_not_lead_to_inputs(runs, tmp_path, capsys, no_network, overwrite):
    save(tmp_path / "in" / "a.png", 8, 9)
    save(tmp_path / "in" / "deep" / "b.png", 8, 9)
    before = {file: file.read_bytes() for file in (tmp_path / "in").rglob("*.png")}
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.png").symlink_to(tmp_path / "in" / "a.png")
    (tmp_path / "out" / "deep").mkdir()
    os.link(tmp_path / "in" / "deep" / "b.png", tmp_path / "out" / "deep" / "b.png")
    assert translate(runs, tmp_path, *overwrite) == (0 if overwrite else 2)
    assert {file: file.read_bytes() for file in before} == before
    shutil.rmtree(tmp_path / "out" / "deep")
    (tmp_path / "out" / "deep").symlink_to(tmp_path / "in" / "deep")
    capsys.readouterr()
    (tmp_path / "out" / "a.png").unlink()
    assert translate(runs, tmp_path, *overwrite) == 2
    assert "out/deep/b.png is one of the inputs" in capsys.readouterr().err
    assert {file: file.read_bytes() for file in before} == before
