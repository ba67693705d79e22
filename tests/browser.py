"""Reads pages as text, and opens them in a real browser."""

import html
import re
import shutil

import pytest

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)

needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")

# Scripts may await `wait(seconds)` and `loaded(images)`.
SCRIPT = """async () => {
  const wait = (seconds) => new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
  const loaded = (images) => Promise.all([...images].map((image) => image.complete ||
    new Promise((resolve) => { image.onload = image.onerror = resolve; })));
  %s
}"""


def fact(text, name):
    """Return a fact in the head of the page of a run."""
    (found,) = re.findall(f"<dt>{name}</dt><dd>(.*?)</dd>", text)
    return html.unescape(found)


def visit(page, script, *, width=1280, dark=False):
    """Return what the body of a JavaScript function returns in a page; no script may fail.

    Args:
        page: The file.
        script: The body of an async function, which may await `wait(seconds)` and `loaded(images)`.
        width: Width of the page.
        dark: Whether the user prefers dark pages.
    """
    sync_playwright = pytest.importorskip("playwright.sync_api").sync_playwright
    errors = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        viewed = browser.new_page(
            viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light"
        )
        viewed.on("pageerror", lambda error: errors.append(str(error)))
        viewed.on("requestfailed", lambda request: errors.append(request.url))
        viewed.goto(page.as_uri())
        found = viewed.evaluate(SCRIPT % script)
        browser.close()
    assert not errors
    return found
