"""The demo of a pix2pix, driven in a real browser."""

import dataclasses
import io
import json
import re
import shutil

import numpy as np
import pytest
from browser import needs_browser
from demos import PAGES, WEBGPU, assert_equal, opened, pixels, runtime, write_with_own_cache
from PIL import Image

from jaxgan.cli.main import main
from jaxgan.data.facades.parts import PALETTE, WALL, WINDOW
from jaxgan.errors import UserError
from jaxgan.export import demo as demo_module
from jaxgan.export.demo import write_demo
from jaxgan.files import printable
from jaxgan.images.kinds import RGB, ImageKind
from jaxgan.inference.model import load
from jaxgan.training.run_page import NO_DEMO, Status, write_page

SIDE = 32  # of the drawing


@pytest.fixture(scope="module")
def model(runs):
    """A model of one step, with weights large enough for contrast."""
    loaded = load(runs["pix2pix"], dropout=False)
    params = loaded.state.params
    output = params["generator"]["output"] | {
        "kernel": params["generator"]["output"]["kernel"] * 30
    }
    generator = params["generator"] | {"output": output}
    state = loaded.state.replace(params=params | {"generator": generator})
    return dataclasses.replace(loaded, state=state)


@pytest.fixture(scope="module")
def demo(model, tmp_path_factory):
    """The folder of its demo."""
    return write_with_own_cache(model, tmp_path_factory)


def wait(page):
    """Wait until the picture is that of the drawing."""
    page.wait_for_function("document.getElementById('picture').ariaBusy === 'false'")


def position(page, x, y):
    """Return where a pixel of the drawing is on the page."""
    box = page.locator("#drawing").bounding_box()
    scale = (box["width"] - 2) / SIDE  # without the border
    return box["x"] + 1 + (x + 0.5) * scale, box["y"] + 1 + (y + 0.5) * scale


def drag(page, first, last):
    page.mouse.move(*position(page, *first))
    page.mouse.down()
    page.mouse.move(*position(page, *last), steps=4)
    page.mouse.up()
    wait(page)


def drawing(page):
    return pixels(page.locator("#drawing"))


def translated(model, image):
    return model.translate(image[None] / np.float32(127.5) - 1)[0]


def click(page, name):
    page.get_by_role("button", name=name, exact=True).click()


def problem(page):
    page.locator("#problem").wait_for()
    text = page.inner_text("#problem")
    assert "\n" not in text
    return text


@needs_browser
@pytest.mark.parametrize("start", PAGES)
def test_a_rectangle_is_drawn_and_translated_as_by_the_model(model, demo, start):
    with opened(demo, start) as page:
        wait(page)
        before = drawing(page)
        first = np.array(Image.open(demo / "examples" / "00.png"))
        np.testing.assert_array_equal(before, first)
        assert_equal(pixels(page.locator("#picture")), translated(model, before))
        click(page, "window")
        drag(page, (5, 8), (20, 25))
        after = drawing(page)
        before[8:26, 5:21] = PALETTE[WINDOW]
        np.testing.assert_array_equal(after, before)
        assert_equal(pixels(page.locator("#picture")), translated(model, after))
        assert page.evaluate("crossOriginIsolated") == (start == "index.html")
        assert " ms per picture, on WebAssembly" in page.inner_text("#status")


@needs_browser
def test_webgpu_is_used_only_if_it_agrees_and_is_faster(model, demo):
    with opened(demo, "index.html", flags=WEBGPU) as page:
        wait(page)
        if not page.evaluate("navigator.gpu?.requestAdapter()?.then(Boolean)"):
            pytest.skip("this Chromium has no WebGPU")
        status = page.inner_text("#status")
        assert re.search(r"on (WebGPU|WebAssembly \(WebGPU is slower\))$", status)
        assert_equal(pixels(page.locator("#picture")), translated(model, drawing(page)))


@needs_browser
def test_tools_draw_exact_colors_and_every_step_can_be_undone(demo):
    with opened(demo, "demo.html") as page:
        wait(page)
        start = drawing(page)
        click(page, "Clear")
        np.testing.assert_array_equal(drawing(page), np.broadcast_to(PALETTE[WALL], start.shape))
        steps = [start, drawing(page)]

        def step(tool, color, *points):
            click(page, color)
            click(page, tool)
            drag(page, *points)
            steps.append(drawing(page))
            assert (steps[-1] != steps[-2]).any()
            colors = {tuple(color) for color in steps[-1].reshape(-1, 3)}
            assert colors <= {tuple(color) for color in PALETTE}

        page.locator("#size").fill("3")
        step("Brush", "door", (4, 4), (28, 20))
        step("Line", "cornice", (4, 28), (28, 2))
        step("Rectangle", "shop", (10, 10), (14, 14))
        step("Fill", "blind", (1, 1), (1, 1))
        step("Eraser", "blind", (12, 12), (12, 12))
        assert (steps[-1][12, 12] == PALETTE[WALL]).all()
        for image in steps[-2::-1]:
            page.keyboard.press("Control+z")
            np.testing.assert_array_equal(drawing(page), image)
        for image in steps[1:]:
            click(page, "Redo")
            np.testing.assert_array_equal(drawing(page), image)


@needs_browser
def test_the_keyboard_draws(demo):
    with opened(demo, "demo.html") as page:
        wait(page)
        click(page, "Clear")
        click(page, "window")
        page.keyboard.press("r")
        page.locator("#drawing").focus()
        for key in ("Space", "Shift+ArrowRight", "ArrowDown", "Space"):
            page.keyboard.press(key)
        expected = np.broadcast_to(PALETTE[WALL], (SIDE, SIDE, 3)).copy()
        expected[16:18, 16:25] = PALETTE[WINDOW]
        np.testing.assert_array_equal(drawing(page), expected)
        for key in ("Space", "ArrowDown", "Tab"):  # leaving the drawing ends a stroke
            page.keyboard.press(key)
        assert page.evaluate("[stroke, done.length]") == [None, 3]


@needs_browser
def test_a_finger_draws_on_a_phone(demo):
    with opened(demo, "demo.html", width=390) as page:
        wait(page)
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        click(page, "window")
        before = drawing(page)
        touch = page.context.new_cdp_session(page)
        for kind, *points in (  # the second finger does nothing
            ("Start", (2, 3)),
            ("Start", (2, 3), (14, 14)),
            ("Move", (9, 12), (14, 14)),
            ("Move", (9, 12), (12, 16)),
            ("End",),
        ):
            places = [
                dict(zip("xy", position(page, *point), strict=True), id=finger)
                for finger, point in enumerate(points)
            ]
            event = {"type": f"touch{kind}", "touchPoints": places}
            touch.send("Input.dispatchTouchEvent", event)
        wait(page)
        before[3:13, 2:10] = PALETTE[WINDOW]
        np.testing.assert_array_equal(drawing(page), before)


@needs_browser
def test_examples_and_files_replace_the_drawing(model, demo, tmp_path):
    with opened(demo, "demo.html") as page:
        wait(page)
        page.get_by_role("button", name="Next example").click()
        second = np.array(Image.open(demo / "examples" / "01.png"))
        page.wait_for_function("done.length === 1")
        np.testing.assert_array_equal(drawing(page), second)
        wide = Image.new("RGB", (96, 64), (255, 0, 0))
        wide.save(tmp_path / "wide.png")
        page.locator("#file").set_input_files(tmp_path / "wide.png")
        page.wait_for_function("done.length === 2")
        wait(page)
        np.testing.assert_array_equal(drawing(page), np.full((32, 48, 3), (255, 0, 0)))
        shown = pixels(page.locator("#picture"))
        assert shown.shape == (32, 48, 3)
        expected = RGB.denormalize(translated(model, drawing(page))).astype(int)
        assert np.abs(shown - expected).max() <= 1
        (tmp_path / "text.png").write_text("not an image")
        page.locator("#file").set_input_files(tmp_path / "text.png")
        assert problem(page) == "text.png is not an image that this browser can read"


@needs_browser
def test_the_download_is_the_picture(demo):
    with opened(demo, "demo.html") as page:
        wait(page)
        with page.expect_download() as download:
            click(page, "Download")
        saved = np.array(Image.open(io.BytesIO(download.value.path().read_bytes())))
        np.testing.assert_array_equal(saved[..., :3], pixels(page.locator("#picture")))


@needs_browser
def test_what_a_browser_cannot_do_is_a_line(demo, tmp_path):
    with opened(demo, "demo.html", script="WebAssembly.validate = () => false") as page:
        assert "WebAssembly SIMD" in problem(page)
    folder = tmp_path / "moved"
    folder.mkdir()
    (folder / "index.html").write_bytes((demo / "index.html").read_bytes())
    with opened(folder, "index.html") as page:
        assert problem(page).startswith("Could not load examples/00.png: the server answers 404")
    damaged = shutil.copytree(demo, tmp_path / "damaged")
    (damaged / "model.onnx").write_bytes((demo / "model.onnx").read_bytes()[:1000])
    with opened(damaged, "index.html") as page:
        assert problem(page).startswith("The model cannot be opened in this browser: ")
    (folder / "other.html").write_bytes((demo / "index.html").read_bytes())
    with opened(folder, "other.html") as page:
        assert "open demo.html" in problem(page)


@needs_browser
def test_a_run_that_fails_is_a_line_and_the_next_one_works(demo):
    run = "(dims) => model.run(new Float32Array(dims.reduce((a, b) => a * b)), dims)"
    failing = f"(dims) => ({run})(dims).then(() => '', (error) => error.message)"
    with opened(demo, "demo.html") as page:
        wait(page)
        message = page.evaluate(failing, [1, 8, 8, 2])
        assert message.startswith("The model does not run in this browser: ")
        assert page.evaluate(run, [1, 8, 8, 3])["dims"] == [1, 8, 8, 3]
        message = page.evaluate("explain('failed to allocate a buffer of size 1')")
        assert message.startswith("The image is too large for the memory")


@needs_browser
def test_tensors_are_those_of_python(demo):
    """Gray is that of Pillow, and values are rounded as NumPy does, half to even."""
    colors = np.random.default_rng(0).integers(0, 256, (16, 16, 4), np.uint8)
    colors[..., 3] = 255
    levels = np.arange(-20, 532, dtype=np.float64) / 255 - 1
    script = """([colors, levels]) => {
      const image = new ImageData(Uint8ClampedArray.from(colors), 16, 16);
      const shown = toImageData(Float64Array.from(levels), levels.length, 1, 1);
      return [[...toTensor(image, 3)], [...toTensor(image, 1)], [...shown.data]];
    }"""
    with opened(demo, "demo.html") as page:
        found = page.evaluate(script, [colors.ravel().tolist(), levels.tolist()])
    rgb, gray, shown = map(np.array, found)
    picture = Image.fromarray(colors[..., :3])
    for tensor, expected in ((rgb, picture), (gray, picture.convert("L"))):
        normalized = np.array(expected, np.float32).ravel() / np.float32(127.5) - 1
        np.testing.assert_allclose(tensor, normalized, rtol=0, atol=1e-7)
    np.testing.assert_array_equal(shown[::4], RGB.denormalize(levels).astype(int))


@needs_browser
def test_only_the_latest_call_runs_after_the_one_that_runs(demo):
    script = """async () => {
      const seen = [];
      const run = latest(async (value) => {
        seen.push(value);
        await new Promise((resolve) => setTimeout(resolve, 20));
      });
      await Promise.all([run(1), run(2), run(3)]);
      return seen;
    }"""
    with opened(demo, "demo.html") as page:
        assert page.evaluate(script) == [1, 3]


def settings_of(folder):
    text = (folder / "index.html").read_text("utf-8")
    return json.loads(text.partition('type="application/json">')[2].partition("</script>")[0])


def test_the_page_knows_the_colors_of_facades_by_name(demo):
    settings = settings_of(demo)
    names = [entry["name"] for entry in settings["palette"]]
    assert {"wall", "window", "door"} <= set(names)
    assert {entry["color"] for entry in settings["palette"] if entry["name"] == "wall"} == {
        "#0000ff"
    }
    assert settings["size"] == [SIDE, SIDE]
    assert len(settings["examples"]["input_to_target"]) == 3  # all that the data set has


def test_files_of_the_user_are_kept(model, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    output = tmp_path / "demo"
    output.mkdir()
    (output / "index.html").write_text("mine")
    with pytest.raises(UserError, match=r"index\.html exists, and jaxgan did not write it"):
        write_demo(model, output, runtime=runtime())
    assert [file.name for file in output.iterdir()] == ["index.html"]
    assert (output / "index.html").read_text() == "mine"
    write_demo(model, output, runtime=runtime(), overwrite=True)
    write_demo(model, output)  # the runtime is in the cache now, and the files are jaxgan's


def test_a_large_model_has_no_single_file(model, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    write_demo(model, tmp_path / "demo", runtime=runtime())
    monkeypatch.setattr(demo_module, "LARGEST_SINGLE", 1000)
    page = write_demo(model, tmp_path / "demo")
    assert page == tmp_path / "demo" / "index.html"
    assert not (tmp_path / "demo" / "demo.html").exists()


def test_a_model_of_other_channels_is_refused(model, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    bands = {"input": RGB, "target": ImageKind(channels=4)}
    monkeypatch.setattr(type(model.config.data), "kinds", lambda self: bands)
    with pytest.raises(UserError, match="1 or 3 channels, and this model has 4"):
        write_demo(model, tmp_path / "demo", runtime=runtime())
    assert not (tmp_path / "demo").exists()


def test_without_data_there_are_no_examples(model, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def missing(self):
        raise UserError("the folder photos does not exist")

    monkeypatch.setattr(type(model.config.data), "prepare", missing)
    write_demo(model, tmp_path / "demo", runtime=runtime())
    settings = settings_of(tmp_path / "demo")
    assert settings["examples"] == {"input_to_target": []}
    assert settings["palette"] is None
    assert (
        "held-out images are not available: the folder photos does not exist"
        in capsys.readouterr().out
    )


@pytest.fixture
def run(runs, tmp_path):
    """A copy of a run, to write into."""
    return shutil.copytree(runs["pix2pix"], tmp_path / "my\nrun")


def test_the_command_writes_into_the_run_whose_page_links_it(run, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    link = '<a href="demo/demo.html">Open the demo</a>'
    page = (run / "index.html").read_text("utf-8")
    assert "<code>jaxgan demo --run " in page
    assert link not in page
    assert main(["demo", "--run", str(run), "--runtime", str(runtime())]) == 0
    assert f"open {printable(run / 'demo' / 'demo.html')}\n" in capsys.readouterr().out
    written = (run / "index.html").read_text("utf-8")
    assert written == page.replace(NO_DEMO, f'<p id="demo">{link}</p>')
    write_page(run, load(run).config, Status(1, "finished"), [])
    assert link in (run / "index.html").read_text("utf-8")


def test_a_checkpoint_outside_of_a_run_needs_an_output(run, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    checkpoint = shutil.copytree(run / "checkpoints" / "1", tmp_path / "copies" / "1")
    assert main(["demo", "--run", str(checkpoint), "--runtime", str(runtime())]) == 2
    assert "is not in the folder of a run: pass --output" in capsys.readouterr().err
    assert not (checkpoint / "demo").exists()


def test_a_damaged_runtime_is_a_line_and_nothing_is_written(run, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    damaged = tmp_path / "runtime"
    damaged.mkdir()
    (damaged / "ort.wasm.min.js").write_text("damaged")
    assert main(["demo", "--run", str(run), "--runtime", str(damaged)]) == 2
    message = capsys.readouterr().err
    assert "ort.wasm.min.js is damaged or of another version" in message
    assert message.count("\n") == 1
    assert not (run / "demo").exists()
