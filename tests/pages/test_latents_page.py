"""The demo of a model that generates images, in a browser."""

import dataclasses
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny
from browser import needs_browser
from cases import DCGAN_16
from demos import PAGES, assert_equal, opened, pixels, write_with_own_cache
from PIL import Image

from jaxgan.data.facades.dataset import FacadePictures
from jaxgan.data.loading import Loading
from jaxgan.data.sources.image_folder import ImageFolder
from jaxgan.data.unconditional import Unconditional
from jaxgan.images.kinds import ImageKind
from jaxgan.inference.model import Model
from jaxgan.training.program import initial_state

pytestmark = needs_browser

MODELS = {
    "color": (DCGAN_16, FacadePictures()),
    "gray": (
        dataclasses.replace(DCGAN_16, image_size=12, latent="uniform", ema=0.9),
        ImageFolder(root="missing", image=ImageKind(channels=1)),
    ),
}


@pytest.fixture(scope="module", params=MODELS)
def model(request):
    """A model with weights large enough for contrast."""
    method, source = MODELS[request.param]
    loading = Loading(load_size=method.image_size, crop_size=method.image_size)
    data = Unconditional(source=source, loading=loading)
    config = dataclasses.replace(tiny.get_config(), method=method, data=data)
    state = initial_state(config, jax.random.key(0))
    enlarged = jax.tree.map(lambda kernel: 8 * kernel, (state.params, state.memory))
    state = state.replace(params=enlarged[0], memory=enlarged[1])
    return Model(config, state, Path("checkpoint"))


@pytest.fixture(scope="module")
def demo(model, tmp_path_factory):
    return write_with_own_cache(model, tmp_path_factory)


@pytest.fixture(params=PAGES)
def page(request, demo):
    with opened(demo, request.param) as page:
        page.wait_for_function("stops.length === 4")
        yield page


def generate(model, latents):
    return model.config.method.generate(model.state, jnp.asarray(latents, jnp.float32))


def grid(page):
    """Return latents and pixels of the images in the grid."""
    latents = page.evaluate("shown.map(({ latents }) => [...latents])")
    return np.array(latents), np.stack([pixels(it) for it in page.locator("#grid canvas").all()])


def wait(page, change):
    """Wait until the grid is another one after a change."""
    page.evaluate("() => { before = shown; }")
    change()
    page.wait_for_function("shown !== before")
    page.wait_for_function("Number(byId('count').value) === shown.length")


def test_a_seed_gives_the_images_of_its_latents(page, model):
    latents, images = grid(page)
    assert latents.shape == (16, 4)
    assert_equal(images, generate(model, latents))
    wait(page, lambda: page.select_option("#count", "36"))
    more, images = grid(page)
    assert_equal(images, generate(model, more))
    assert np.array_equal(more[:16], latents)
    wait(page, lambda: page.click("#random"))
    others, images = grid(page)
    assert_equal(images, generate(model, others))
    assert not np.isin(others, latents).any()
    wait(page, lambda: page.fill("#seed", "0"))
    assert np.array_equal(grid(page)[0], more)


def test_latents_have_the_distribution_of_the_model(page, model):
    drawn = np.ravel(page.evaluate("drawLatents(3, 5000).map((latents) => [...latents])"))
    quantiles = np.linspace(0.01, 0.99, 50)
    expected = model.config.method.draw_latents(jax.random.key(0), 5000)
    difference = np.quantile(drawn, quantiles) - np.quantile(np.ravel(expected), quantiles)
    assert np.abs(difference).max() < 0.1
    assert abs(np.corrcoef(drawn[:-1], drawn[1:])[0, 1]) < 0.02
    if model.config.method.latent == "uniform":
        assert np.abs(drawn).max() <= 1


def test_variations_move_away_from_an_image(page, model):
    latents, images = grid(page)
    wait(page, lambda: page.locator("#grid button").nth(5).click())
    distances = []
    for strength in (0, 0.1, 1):
        wait(page, lambda: page.fill("#strength", str(strength)))  # noqa: B023
        varied, shown = grid(page)
        assert_equal(shown, generate(model, varied))
        assert np.array_equal(varied[0], latents[5])
        assert np.array_equal(shown[0], images[5])
        distances.append(np.linalg.norm(varied[1:] - varied[0], axis=1).mean())
    assert distances[0] == 0
    assert distances[1] < distances[2] / 4
    wait(page, lambda: page.locator("#grid button").nth(2).click())  # varies a variation
    assert np.array_equal(grid(page)[0][0], varied[2])
    for _ in range(2):
        wait(page, lambda: page.click("#back"))
    assert np.array_equal(grid(page)[1], images)


def test_a_walk_interpolates_between_its_images(page, model):
    latents, _ = grid(page)
    for at in (0, 0.5, 2.25, 3):
        page.fill("#position", str(at))
        page.evaluate("queue")
        first = min(int(at), 2)
        start, end = latents[first], latents[first + 1]
        part = at - first
        straight = (1 - part) * start + part * end
        length = (1 - part) * np.linalg.norm(start) + part * np.linalg.norm(end)
        walked = straight * length / np.linalg.norm(straight)
        page.wait_for_timeout(100)  # the picture is painted after the run
        assert_equal(pixels(page.locator("#walk")), generate(model, walked[None])[0])


def test_images_join_and_leave_the_walk(page):
    wait(page, lambda: page.locator("#grid button").nth(9).click())
    page.click("#add")
    assert page.evaluate("[stops.length, Number(position.value), position.max]") == [5, 4, "4"]
    assert page.evaluate("stops[4] === centers[0]")
    page.click("#remove")
    page.locator("#stops button").nth(1).click()
    assert page.evaluate("[stops.length, Number(position.value)]") == [4, 1]
    for _ in range(2):
        page.click("#remove")
    assert page.is_disabled("#remove")


def test_hasty_clicks_do_no_harm(page):
    page.locator("#grid button").nth(3).dblclick()
    page.wait_for_function("shown[0] && centers[0]?.latents === shown[0].latents")
    assert page.evaluate("centers.length") == 1
    page.evaluate("for (const id of ['back', 'back', 'add', 'download']) byId(id).click()")
    assert page.evaluate("[stops.length, centers.length]") == [4, 0]
    wait(page, lambda: page.fill("#seed", "-1"))
    assert page.inner_text("#heading").startswith("Seed 4294967295.")


def test_nothing_can_be_played_or_saved_before_there_are_images(demo):
    delay = "const real = Worker; Worker = class extends real { postMessage() {} };"
    with opened(demo, "demo.html", script=delay) as page:
        page.wait_for_function("generator !== null")
        assert page.is_disabled("#download-grid")
        assert page.evaluate("byId('walking').inert")


def test_a_walk_plays_and_pauses(page):
    page.click("#play")
    page.wait_for_function("position.value > 0.2")
    assert page.inner_text("#play") == "Pause"
    page.click("#play")
    page.wait_for_function("byId('play').textContent === 'Play'")
    paused = page.input_value("#position")
    page.wait_for_timeout(200)
    assert page.input_value("#position") == paused


def test_the_grid_is_saved_as_one_image(page):
    _, images = grid(page)
    with page.expect_download() as saved:
        page.click("#download-grid")
    side = images.shape[1]
    with Image.open(saved.value.path()) as picture:
        assert picture.size == (4 * side, 4 * side)
        found = np.asarray(picture.convert("RGB"))
    assert np.array_equal(found[side : 2 * side, 2 * side : 3 * side], images[6])


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_moves_and_the_page_fits(demo, width):
    places = "[byId('grid'), byId('stops'), byId('play')].map((it) => it.offsetTop)"
    with opened(demo, "demo.html", width=width) as page:
        before = page.evaluate(places)
        page.wait_for_function("stops.length === 4")
        assert page.evaluate(places) == before
        wait(page, lambda: page.locator("#grid button").nth(1).click())
        assert page.evaluate(places) == before
        assert page.evaluate("document.documentElement.scrollWidth") <= width
