"""Reads pages as text, and opens them in a real browser."""

import html
import json
import re
import shutil
import subprocess

import pytest

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)

needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")

# On a busy machine, Chromium's virtual time can run out before a picture is loaded.
BUDGETS = (10_000, 100_000, 1_000_000)

ERRORS = """
<script>
const errors = [];
addEventListener("error", (event) => errors.push(event.message ?? event.target.outerHTML), true);
addEventListener("unhandledrejection", (event) => errors.push(String(event.reason)));
</script>
"""
REPORT = """
<script>
addEventListener("load", async () => {
  const wait = (seconds) => new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
  const loaded = (images) => Promise.all([...images].map((image) => image.complete ||
    new Promise((resolve) => { image.onload = image.onerror = resolve; })));
  await wait(0.5);
  let found = null;
  try { found = await (async () => { %s })(); } catch (error) { errors.push(String(error)); }
  parent.postMessage({ found, errors }, "*");
});
</script>
"""
FRAME = """<!DOCTYPE html>
<iframe src="%s" style="width: %dpx; height: 900px; border: 0"></iframe>
<pre id="answer"></pre>
<script>
onmessage = ({ data }) => { document.getElementById("answer").textContent = JSON.stringify(data); };
</script>
"""


def fact(text, name):
    """Return a fact in the head of the page of a run."""
    (found,) = re.findall(f"<dt>{name}</dt><dd>(.*?)</dd>", text)
    return html.unescape(found)


def visit(page, script, *, width=1280, dark=False):
    """Return what the body of a JavaScript function returns in a page; no script may fail.

    Args:
        page: The file. Others are written to its folder, and removed.
        script: The body of an async function, which may await `wait(seconds)` and `loaded(images)`.
        width: Width of the page.
        dark: Whether the user prefers dark pages.
    """
    assert CHROMIUM
    text = page.read_text("utf-8")
    probe, frame = (page.with_name(f".{name}.html") for name in ("probe", "frame"))
    text = text.replace("<head>", f"<head>{ERRORS}", 1)
    probe.write_text(text.replace("</body>", REPORT % script + "</body>", 1), "utf-8")
    frame.write_text(FRAME % (probe.name, width), "utf-8")
    scheme = 0 if dark else 1
    command = [
        *(CHROMIUM, "--headless", "--no-sandbox", "--hide-scrollbars", "--dump-dom"),
        f"--blink-settings=preferredColorScheme={scheme}",
        f"--window-size={width + 100},1000",
    ]
    answer = ""
    try:
        for milliseconds in BUDGETS:
            budget = f"--virtual-time-budget={milliseconds}"
            dom = subprocess.check_output([*command, budget, frame.as_uri()], text=True)
            (answer,) = re.findall(r'<pre id="answer">(.*?)</pre>', dom, re.DOTALL)
            if answer:
                break
    finally:
        probe.unlink()
        frame.unlink()
    assert answer, "the page did not answer"
    answer = json.loads(html.unescape(answer))
    assert not answer["errors"]
    return answer["found"]
