"""Opens demos of models in a real browser, from a local server and from disk."""

import contextlib
import shutil
import subprocess
import threading

import numpy as np
import pytest
from browser import CHROMIUM
from filelock import FileLock
from paths import ROOT

from jaxgan.export.demo import write_demo
from jaxgan.export.runtime import VERSION
from jaxgan.export.serve import make_server

sync_playwright = pytest.importorskip("playwright.sync_api").sync_playwright

PAGES = ("index.html", "demo.html")  # the first one is served, the second one opens from disk
# A camera that shows a moving picture, and that pages may use.
CAMERA = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
# WebGPU on the CPU, where Chromium has it.
WEBGPU = [
    "--enable-unsafe-webgpu",
    "--use-webgpu-adapter=swiftshader",
    "--enable-features=Vulkan",
]
PIXELS = """(canvas) => {
  const { width, height } = canvas;
  const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
  return { width, height, data: [...data] };
}"""


def runtime():
    """Return the folder of onnxruntime-web, which npm installs once."""
    folder = ROOT / ".cache" / f"onnxruntime-web-{VERSION}"
    package = folder / "node_modules" / "onnxruntime-web"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "lock"):
        if not (package / "dist").is_dir():
            npm = shutil.which("npm") or pytest.skip("npm is not installed")
            command = [npm, "install", "--silent", "--prefix", folder, f"onnxruntime-web@{VERSION}"]
            if subprocess.run(command, check=False).returncode:
                pytest.skip("npm cannot install onnxruntime-web")
    return package


def write_with_own_cache(model, tmp_path_factory):
    """Write the demo of a model, with a cache of its own for the runtime, and return its folder."""
    folder = tmp_path_factory.mktemp("demo")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        assert write_demo(model, folder, runtime=runtime()) == folder / "demo.html"
    return folder


@contextlib.contextmanager
def opened(folder, page, *, width=1280, script="", errors=(), flags=()):
    """Yield a page of a demo in a browser, in which no script may fail.

    Args:
        folder: The folder of the demo.
        page: One of `PAGES`.
        width: Width of the page.
        script: JavaScript that runs before the scripts of the page.
        errors: Errors of scripts that are expected.
        flags: Flags of Chromium.
    """
    found = []
    with contextlib.ExitStack() as stack:
        url = (folder / page).as_uri()
        if page == "index.html":
            server = stack.enter_context(make_server(folder, 0))
            threading.Thread(target=server.serve_forever, daemon=True).start()
            stack.callback(server.shutdown)
            url = f"http://127.0.0.1:{server.server_port}/"
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", *CAMERA, *flags]
        )
        stack.callback(browser.close)
        viewed = browser.new_page(viewport={"width": width, "height": 900})
        viewed.set_default_timeout(120_000)
        viewed.on("pageerror", lambda error: found.append(str(error)))
        viewed.add_init_script(script)
        viewed.goto(url)
        yield viewed
    assert found == list(errors)


def pixels(canvas):
    """Return the pixels of a canvas as bytes `[height, width, 3]`."""
    found = canvas.evaluate(PIXELS)
    image = np.array(found["data"], np.uint8).reshape(found["height"], found["width"], 4)
    assert (image[..., 3] == 255).all()
    return image[..., :3]


def assert_equal(shown, images):
    """Assert that images of a page are those in [-1, 1], to one gray level, and have contrast."""
    expected = np.clip((np.asarray(images) + 1) * 127.5, 0, 255).round()
    assert shown.shape[:-1] == expected.shape[:-1]
    assert np.abs(shown - expected).max() <= 1
    assert expected.std() > 10
