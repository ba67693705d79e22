"""The demo of a model that translates photos, in a browser."""

import numpy as np
import pytest
from browser import needs_browser
from demos import PAGES, assert_equal, opened, pixels, write_with_own_cache
from PIL import Image

from jaxgan.inference.model import load

pytestmark = needs_browser

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def model(runs):
    return load(runs["cyclegan"])


@pytest.fixture(scope="module")
def demo(model, tmp_path_factory):
    return write_with_own_cache(model, tmp_path_factory)


@pytest.fixture(params=PAGES)
def page(request, demo):
    with opened(demo, request.param) as page:
        wait(page)
        yield page


@pytest.fixture
def photo(tmp_path):
    """A photo that is wider than high, and larger than the images of the training."""
    file = tmp_path / "my photo.png"
    image = Image.fromarray(RNG.integers(0, 256, (5, 8, 3), np.uint8)).resize((80, 50))
    image.save(file)
    return file


def wait(page):
    """Wait until the page shows the output of its input."""
    page.wait_for_selector("#download:enabled")
    page.wait_for_selector("#compare:not(.running)")


def shown(page, name):
    return pixels(page.locator(f"#{name}"))


def assert_translated(page, model, direction):
    """Assert that the page shows what the model makes of the shown input, and return the input."""
    wait(page)
    image = shown(page, "input")
    values = image.astype(np.float32) / 127.5 - 1
    assert_equal(shown(page, "output"), model.translate(values[None], direction)[0])
    assert not page.is_visible("#problem")
    return image


def take(page, file):
    page.set_input_files("#sources input", file)
    page.wait_for_function("example === null")


def test_a_photo_is_translated_in_every_size_and_direction(page, model, photo):
    take(page, photo)
    trained = page.evaluate("trained")
    for size, longest in {"trained": trained, "twice": 2 * trained, "own": 80}.items():
        page.select_option("#size", size)
        image = assert_translated(page, model, "ab")
        assert image.shape == (int(longest * 5 / 8 + 0.5), longest, 3)
    with Image.open(photo) as original:
        assert np.array_equal(image, original)
    page.get_by_role("radio", name="B to A").check()
    assert np.array_equal(assert_translated(page, model, "ba"), image)
    output = shown(page, "output")
    page.click("#back")
    page.wait_for_selector("input[value=ab]:checked")
    assert np.array_equal(assert_translated(page, model, "ab"), output)


def test_examples_are_held_out_images_of_the_direction(page, demo, model):
    page.select_option("#size", "own")
    for direction, label in (("ab", "A to B"), ("ba", "B to A")):
        page.get_by_role("radio", name=label).check()
        page.click("#next")
        page.wait_for_function("example === 1" if direction == "ab" else "example === 0")
        index = page.evaluate("example")
        image = assert_translated(page, model, direction)
        with Image.open(demo / page.evaluate(f"settings.examples.{direction}[{index}]")) as example:
            assert np.array_equal(image, example)
    page.click("#random")
    page.wait_for_function("example === 1")  # there are two
    assert_translated(page, model, "ba")


def test_a_file_that_is_no_image_is_reported_and_changes_nothing(page, model, tmp_path):
    before = shown(page, "input")
    file = tmp_path / "text.png"
    file.write_text("text")
    page.set_input_files("#sources input", file)
    page.wait_for_selector("#problem:visible")
    assert page.inner_text("#problem") == "text.png is not an image that this browser can read"
    assert np.array_equal(shown(page, "input"), before)
    page.click("#next")
    page.wait_for_selector("#problem", state="hidden")
    assert_translated(page, model, "ab")


def test_an_example_that_comes_late_does_not_replace_an_image(page, model, photo):
    page.evaluate("() => { byId('next').click(); take(byId('output')); }")
    page.wait_for_timeout(200)
    assert page.evaluate("example") is None
    assert_translated(page, model, "ab")


def test_a_camera_takes_a_photo(page, model):
    page.evaluate("() => { byId('camera').click(); byId('camera').click(); }")  # opens one camera
    page.click("#shutter")
    page.wait_for_function("example === null")
    assert page.evaluate("[image.width, image.height]") == [640, 480]
    assert assert_translated(page, model, "ab").std() > 10
    assert not page.is_visible("#finder")
    assert not page.evaluate("document.querySelector('video').srcObject.active")


def test_a_missing_camera_is_reported(page):
    page.evaluate("""() => {
      navigator.mediaDevices.getUserMedia = async () => {
        throw new DOMException("Requested device not found", "NotFoundError");
      };
    }""")
    page.click("#camera")
    page.wait_for_selector("#problem:visible")
    assert page.inner_text("#problem") == "There is no camera: open a photo instead"


def test_the_border_between_input_and_output_moves(page):
    def border():
        box = page.locator("#compare").bounding_box()
        hidden = page.evaluate("getComputedStyle(output.canvas).clipPath")
        assert hidden.endswith(f" {page.input_value('#slider')}%)")
        return box, float(page.input_value("#slider"))

    box, percent = border()
    assert percent == 50
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 20)
    page.mouse.up()
    page.mouse.move(box["x"] + box["width"], box["y"] + 20)
    assert abs(border()[1] - 25) <= 1
    page.focus("#slider")
    page.keyboard.press("End")
    assert border()[1] == 100
    page.click("#both")
    assert page.evaluate("getComputedStyle(output.canvas).clipPath") == "none"


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_moves_and_the_page_fits(demo, photo, width):
    with opened(demo, "demo.html", width=width) as page:
        wait(page)
        places = "[...document.querySelectorAll('button, select')].map((it) => it.offsetTop)"
        before = page.evaluate(places)
        take(page, photo)
        assert page.evaluate(places) == before
        wait(page)
        assert page.evaluate(places) == before
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_an_image_can_be_pasted_and_dropped(page, model, photo):
    give = """async ([type, bytes]) => {
      const data = new DataTransfer();
      data.items.add(new File([Uint8Array.from(bytes)], "photo.png", { type: "image/png" }));
      const options = { bubbles: true, cancelable: true };
      document.body.dispatchEvent(type === "paste"
        ? new ClipboardEvent(type, { ...options, clipboardData: data })
        : new DragEvent(type, { ...options, dataTransfer: data }));
    }"""
    page.select_option("#size", "own")
    for kind in ("paste", "drop"):
        page.click("#next")
        page.wait_for_function("example !== null")
        page.evaluate(give, [kind, list(photo.read_bytes())])
        page.wait_for_function("example === null")
        with Image.open(photo) as original:
            assert np.array_equal(assert_translated(page, model, "ab"), original)
