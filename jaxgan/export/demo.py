"""Writes the demo of a model: a web page that runs it in the browser, on no server."""

import base64
import dataclasses
import gzip
import io
import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from jaxgan.errors import UserError
from jaxgan.export.files import export_onnx
from jaxgan.export.generator import exported_generator, held_out_inputs, open_data
from jaxgan.export.labels import describe_labels
from jaxgan.export.runtime import LICENSE, WEBASSEMBLY, load_runtime
from jaxgan.export.weights import WeightsName
from jaxgan.files import replacing, write_text
from jaxgan.images.pictures import to_picture, to_uint8
from jaxgan.inference.model import Model
from jaxgan.inference.outputs import claim
from jaxgan.methods.dcgan import DCGAN
from jaxgan.pages.template import as_json, as_text, fill
from jaxgan.training.program import batch_spec
from jaxgan.types import TranslatesImages

INDEX, SINGLE = "index.html", "demo.html"
LARGEST_SINGLE = 50_000_000  # bytes of a page that holds everything
EXAMPLES = 12  # per direction
LOOKED_AT = 100  # held-out images in which the palette is searched


@dataclasses.dataclass(frozen=True)
class _Demo:
    """A demo that is not written yet.

    Attributes:
        page: Name of its page in `jaxgan.pages`.
        data: The settings of the page, as JSON values.
        files: Content of its files by name, without pages and the runtime.
    """

    page: str
    data: Mapping[str, Any]
    files: dict[str, bytes]


def write_demo(
    model: Model,
    output: Path,
    *,
    runtime: Path | None = None,
    weights: WeightsName = "float32",
    overwrite: bool = False,
) -> Path:
    """Write the demo of a model: `index.html` and its files, and if it is small also `demo.html`.

    Browsers do not load the files of `index.html` from disk, only from a server. `demo.html` holds
    everything, up to `LARGEST_SINGLE` bytes, and needs none.

    Args:
        model: The model. Dropout is off, because images would flicker while one draws.
        output: The folder to write to.
        runtime: A folder with onnxruntime-web, see `load_runtime`.
        weights: Data type in which kernels are stored.
        overwrite: Whether files that jaxgan did not write may be replaced.

    Returns:
        The page to open: `demo.html` if there is one, else `index.html`.

    Raises:
        UserError: If the model does not make images of 1 or 3 channels, the runtime is not
            available, or the folder holds files of the user.
    """
    runtime_files = load_runtime(runtime)
    if isinstance(model.config.method, TranslatesImages):
        demo = _translator(dataclasses.replace(model, dropout=False), weights)
    else:
        demo = _generator(model, weights)
    names = map(Path, (*demo.files, *runtime_files, INDEX, SINGLE))
    claim(output, names, overwrite=overwrite)
    for name, file in runtime_files.items():
        _write(output / name, file.read_bytes())
    for name, content in demo.files.items():
        _write(output / name, content)
    title, data = as_text((run_of(model) or model.checkpoint.absolute()).name), as_json(demo.data)
    write_text(output / INDEX, fill(demo.page, title=title, data=data, runtime=""))
    packed = {name: runtime_files[name].read_bytes() for name in WEBASSEMBLY} | demo.files
    scripts = _pack(packed)
    if scripts is None:
        (output / SINGLE).unlink(missing_ok=True)  # of an earlier model
        return output / INDEX
    write_text(output / SINGLE, fill(demo.page, title=title, data=data, runtime=scripts))
    return output / SINGLE


def run_of(model: Model) -> Path | None:
    """Return the folder of a model's run, or None if its checkpoint is somewhere else."""
    folder = model.checkpoint.absolute().parent
    return folder.parent if folder.name in ("checkpoints", "best") else None


def _translator(model: Model, weights: WeightsName) -> _Demo:
    """Return the demo of a model that translates images."""
    method, kinds = model.config.method, model.config.data.kinds()
    assert isinstance(method, TranslatesImages)
    source, _ = method.source_and_target(method.directions[0])
    size = batch_spec(model.config)[source].shape[1:3]
    splits = open_data(model)
    files, models, examples, inputs = {}, [], {}, []
    data: dict[str, Any] = {"models": models, "size": list(size), "examples": examples}
    for direction in method.directions:
        source, target = method.source_and_target(direction)
        network: Any = exported_generator(model, direction).network
        suffix = f"_{direction}" if len(method.directions) > 1 else ""
        described = {
            "direction": direction,
            "label": f"{source} to {target}".title().replace(" To ", " to "),
            "file": f"model{suffix}.onnx",
            "input_channels": _shown(kinds[source].channels),
            "output_channels": _shown(kinds[target].channels),
        }
        models.append(described)
        data |= {"multiple": network.multiple, "smallest": network.smallest}
        files[described["file"]] = export_onnx(model, direction, weights, splits)
        inputs = held_out_inputs(model, splits, direction, LOOKED_AT) if splits else []
        shown = itertools.islice(itertools.chain.from_iterable(inputs), EXAMPLES)
        pictures = {f"examples/{index:02}{suffix}.png": _png(x) for index, x in enumerate(shown)}
        files |= pictures
        examples[direction] = list(pictures)
    labels = describe_labels([to_uint8(batch) for batch in inputs]) if method.paired else None
    return _Demo("draw" if labels else "photo", data | (labels or {}), files)


def _generator(model: Model, weights: WeightsName) -> _Demo:
    """Return the demo of a model that generates images."""
    size = exported_generator(model).network.size
    method, (kind,) = model.config.method, model.config.data.kinds().values()
    assert isinstance(method, DCGAN)
    data = {
        "models": [{"file": "model.onnx"}],
        "size": [size, size],
        "output_channels": _shown(kind.channels),
        "latent_dim": method.latent_dim,
        "latent": method.latent,
    }
    return _Demo("latents", data, {"model.onnx": export_onnx(model, None, weights, None)})


def _shown(channels: int) -> int:
    """Return a number of channels that browsers can show.

    Raises:
        UserError: If they cannot show it.
    """
    if channels not in (1, 3):
        raise UserError(
            f"browsers show images of 1 or 3 channels, and this model has {channels}: use jaxgan "
            "export in place of jaxgan demo"
        )
    return channels


def _png(image: Float[np.ndarray, "height width channels"]) -> bytes:
    """Return an image in [-1, 1] as a PNG file."""
    with io.BytesIO() as opened:
        to_picture(image).save(opened, "png")
        return opened.getvalue()


def _pack(files: Mapping[str, bytes]) -> str | None:
    """Return files as a script, from which `asset` in engine.js unpacks them; None if too large."""
    if sum(map(len, files.values())) > 2 * LARGEST_SINGLE:  # they would not get that much smaller
        return None
    packed = {
        name: base64.b64encode(gzip.compress(content, mtime=0)).decode()
        for name, content in files.items()
    }
    script = f"<script>\n// {LICENSE}\nwindow.PACKED = {as_json(packed)};\n</script>"
    return script if len(script) <= LARGEST_SINGLE else None


def _write(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with replacing(file) as opened:
        opened.write(content)
