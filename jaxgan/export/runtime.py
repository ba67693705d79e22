"""onnxruntime-web, which runs ONNX models in browsers (MIT license)."""

import hashlib
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import pooch

from jaxgan.download import download
from jaxgan.errors import UserError
from jaxgan.files import lock, printable, replacing

VERSION = "1.30.0"
URL = f"https://cdn.jsdelivr.net/npm/onnxruntime-web@{VERSION}/dist"
LICENSE = f"Includes onnxruntime-web {VERSION}, Copyright (c) Microsoft Corporation, MIT license."

# SHA-256 by name, of the files in the npm package.
WEBASSEMBLY = {
    "ort.wasm.min.js": "faece07e84faa9001f5104bbe4e5c70861d06cb2376a0dea1fa0ad33a67adc81",
    "ort-wasm-simd-threaded.mjs": (
        "e13f7f94fc51b4ca72b12faeb1ee95f4ace6dfbc8939bc718aabdc0a27c4299b"
    ),
    "ort-wasm-simd-threaded.wasm": (
        "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2"
    ),
}
# The runtime with WebGPU. On WebAssembly it is up to three times slower than the other one.
WEBGPU = {
    "ort.webgpu.min.js": "7d65dad7eb4564ad98db9924a259af2e2c68ebfbdbf254fa5d728f1c5736e07a",
    "ort-wasm-simd-threaded.asyncify.mjs": (
        "3d1c85995364bb643302fc6fd877a0c3ba5ae72401815e0f24828a53d9191e28"
    ),
    "ort-wasm-simd-threaded.asyncify.wasm": (
        "39f9f0894d478800487ed9f7dbe92618498db320cf55c8e3d89adff8dce658da"
    ),
}
FILES = WEBASSEMBLY | WEBGPU

HINT = (
    f"get the package with `npm pack onnxruntime-web@{VERSION}` or elsewhere, extract it, and pass "
    "its folder as --runtime FOLDER"
)


def default_folder() -> Path:
    """Return the folder in which the runtime is cached."""
    return Path(pooch.os_cache("jaxgan")) / f"onnxruntime-web-{VERSION}"


def load_runtime(
    given: Path | None = None,
    *,
    files: Mapping[str, str] = FILES,
    url: str = URL,
    folder: Path | None = None,
) -> dict[str, Path]:
    """Return the files of the runtime by name, which are downloaded once and cached.

    Args:
        given: A folder with the files, or with the extracted npm package. They are copied to the
            cache, so that later calls need neither this folder nor a network.
        files: SHA-256 of the files by name.
        url: URL of the folder to download from.
        folder: Folder of the cache, by default in the user's cache.

    Raises:
        UserError: If the files cannot be downloaded, or are missing or damaged in `given`. The
            message says where to get them.
    """
    folder = folder or default_folder()
    folder.mkdir(parents=True, exist_ok=True)
    busy = partial(print, "waiting for another process that fetches onnxruntime-web")
    with lock(folder / ".lock", busy):
        for name, sha256 in files.items():
            if given is None:
                download(f"{url}/{name}", sha256, folder, HINT)
            else:
                _keep(_find(given.expanduser(), name), sha256, folder / name)
    return {name: folder / name for name in files}


def _find(folder: Path, name: str) -> Path:
    """Return the path of a file in a folder, or in the `dist` of an npm package.

    Raises:
        UserError: If it is in neither.
    """
    for place in (folder, folder / "dist", folder / "package" / "dist"):
        if (place / name).is_file():
            return place / name
    raise UserError(f"{printable(folder)} does not contain {name}: {HINT}")


def _keep(file: Path, sha256: str, kept: Path) -> None:
    """Copy a file to the cache, after checking it.

    Raises:
        UserError: If its SHA-256 is another one.
    """
    content = file.read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise UserError(
            f"{printable(file)} is damaged or of another version than {VERSION}, its SHA-256 does "
            f"not begin with {sha256[:8]}: {HINT}"
        )
    if file.resolve() != kept.resolve():
        with replacing(kept) as target:
            target.write(content)
