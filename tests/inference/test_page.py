"""The page of translated images, in a browser."""

import shutil

import numpy as np
import pytest
from browser import needs_browser, visit
from PIL import Image

import jaxgan.inference.folder
from jaxgan.cli import main as cli

RNG = np.random.default_rng(0)
SIZES = {"a.png": (20, 30), "deep/<b>.tiff": (20, 30), "large.png": (600, 700), "c.jpg": (8, 600)}


def save(file, size):
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(RNG.integers(0, 256, (*size, 3), np.uint8)).save(file)


@pytest.fixture
def moved(runs, tmp_path, monkeypatch):
    """An output folder that was moved away from its inputs, which were removed."""
    for name, size in SIZES.items():
        save(tmp_path / "in" / name, size)
    same = lambda model, direction, images, batch_size, options: images  # noqa: E731
    monkeypatch.setattr(jaxgan.inference.folder, "_translate", same)
    arguments = ["--run", str(runs["cyclegan"]), "--input", str(tmp_path / "in")]
    for _ in range(2):  # a second call replaces all files, and nothing else
        assert cli.main(["translate", *arguments, "--output", str(tmp_path / "out")]) == 0
    shutil.rmtree(tmp_path / "in")
    return (tmp_path / "out").rename(tmp_path / "moved")


def test_pictures_are_small_and_part_of_the_folder(moved):
    sizes = {}
    for file in sorted((moved / "pictures").rglob("*.*")):
        with Image.open(file) as picture:
            sizes[str(file.relative_to(moved / "pictures"))] = picture.format, picture.size
    assert sizes == {
        "a.png.input.png": ("PNG", (30, 20)),
        "c.jpg.input.jpg": ("JPEG", (512, 7)),
        "c.jpg.output.jpg": ("JPEG", (512, 7)),
        "deep/<b>.tiff.input.png": ("PNG", (30, 20)),
        "deep/<b>.tiff.output.png": ("PNG", (30, 20)),
        "large.png.input.jpg": ("JPEG", (512, 439)),
        "large.png.output.jpg": ("JPEG", (512, 439)),
    }


@needs_browser
@pytest.mark.parametrize("width", [390, 1280])
def test_a_folder_that_was_moved_shows_all_images(moved, width):
    found = visit(
        moved / "index.html",
        """
        const images = [...document.querySelectorAll("img")];
        images.forEach((image) => { image.loading = "eager"; });
        await loaded(images);
        const root = document.documentElement;
        return {
          widths: images.map((image) => image.naturalWidth),
          names: [...document.querySelectorAll("figcaption span")].map((span) => span.textContent),
          overflow: root.scrollWidth - root.clientWidth,
        };
        """,
        width=width,
    )
    assert found["names"] == ["a.png", "c.jpg", "deep/<b>.tiff", "large.png"]
    assert found["widths"] == [30, 30, 512, 512, 30, 30, 512, 512]
    assert found["overflow"] == 0


@needs_browser
def test_an_enlarged_pair_shows_the_whole_output_and_is_left_by_the_keyboard(moved):
    found = visit(
        moved / "index.html",
        """
        document.querySelectorAll(".pairs button")[2].focus();
        document.activeElement.click();
        const dialog = document.querySelector("dialog");
        const press = (key) => document.activeElement.dispatchEvent(
          new KeyboardEvent("keydown", { key, bubbles: true }));
        const read = async () => {
          const images = [...dialog.querySelectorAll("img")];
          await loaded(images);
          const widths = images.map((image) => image.naturalWidth);
          return [dialog.querySelector("p").textContent, ...widths];
        };
        const seen = [await read()];
        for (const key of ["ArrowRight", "ArrowRight", "Home", "ArrowLeft"]) {
          press(key);
          seen.push(await read());
        }
        const closed = new Promise((done) => {
          dialog.addEventListener("close", () => setTimeout(done));
        });
        dialog.close(); // as Escape does
        await closed;
        return {
          seen, closed: !document.querySelector("dialog"),
          focus: document.activeElement === document.querySelectorAll(".pairs button")[2],
        };
        """,
    )
    assert found["seen"] == [
        ["deep/<b>.tiff (3 of 4)", 30, 30],
        ["large.png (4 of 4)", 512, 700],
        ["large.png (4 of 4)", 512, 700],
        ["a.png (1 of 4)", 30, 30],
        ["a.png (1 of 4)", 30, 30],
    ]
    assert found["closed"]
    assert found["focus"]
