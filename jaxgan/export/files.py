"""Exports a trained model to a file, and checks the content before it is written."""

import dataclasses
import os
from pathlib import Path
from typing import Any, Literal, get_args

import jax.export
import numpy as np
from flax.traverse_util import flatten_dict
from safetensors.numpy import load as load_safetensors
from safetensors.numpy import save as save_safetensors

from jaxgan import __version__
from jaxgan.errors import UserError
from jaxgan.export.check import LEVEL, Given, Run, difference, in_jax, require_equal
from jaxgan.export.generator import (
    exported_generator,
    held_out_inputs,
    is_random,
    open_data,
    random_inputs,
    takes_images,
    without_dropout,
)
from jaxgan.export.stablehlo import to_stablehlo
from jaxgan.export.weights import WEIGHTS, WeightsName, stored
from jaxgan.files import printable, replacing
from jaxgan.inference.model import Model
from jaxgan.interop.runs import export_torch
from jaxgan.types import Splits, TrainedGenerator, TranslatesImages

FormatName = Literal["onnx", "stablehlo", "safetensors", "torch"]
FORMATS: tuple[FormatName, ...] = get_args(FormatName)
CHECKED = 4  # held-out images to compare on


def export_model(
    model: Model,
    output: str | os.PathLike[str],
    *,
    format: FormatName | None = None,
    direction: str | None = None,
    weights: WeightsName = "float32",
    overwrite: bool = False,
) -> None:
    """Export the generator of a model to a file that other programs can use.

    The content is run by another runtime, on random and on held-out images, and compared with JAX
    before the file is written. The differences are printed.

    Args:
        model: The model. Its `dropout` and `norm_statistics` apply.
        output: The file; for `torch` the folder.
        format: `onnx`; `stablehlo`, which JAX alone can run; `safetensors`, the parameters under
            their names in Flax; or `torch`, all networks for the PyTorch references. None takes the
            suffix of the file.
        direction: `ab` or `ba` for a CycleGAN; None for the model's first direction.
        weights: Data type in which an ONNX file stores kernels: float16 halves the file, int8 is
            visible in the images.
        overwrite: Whether to replace an existing file.

    Raises:
        jaxgan.UserError: If the model cannot be exported in this format, the file exists, a
            package is missing, or the outputs differ from those of JAX.
    """
    _check_arguments(model, output, format, weights)
    output = Path(output).expanduser()
    format = format or _format_of(output)
    if weights != "float32" and format != "onnx":
        raise UserError(f"only ONNX files can have {weights} weights: leave weights out")
    if format == "torch":
        given = {"direction": direction, "dropout": model.dropout}
        for name, value in {**given, "norm_statistics": model.norm_statistics}.items():
            if value is not None:
                raise UserError(
                    f"the torch format has the weights of all networks: leave {name} out"
                )
        export_torch(model, output, overwrite=overwrite)
        return
    if output.is_dir():
        raise UserError(f"{printable(output)} is a folder: name a file, such as model.{format}")
    if output.exists() and not overwrite:
        raise UserError(
            f"{printable(output)} exists: choose another --output, or pass --overwrite to replace "
            "it"
        )
    if output.exists() and not output.is_file():
        raise UserError(f"{printable(output)} is not a regular file: choose another --output")
    if blocking := [path for path in output.parents if path.exists() and not path.is_dir()]:
        raise UserError(f"{printable(blocking[0])} is not a folder: choose another --output")
    match format:
        case "onnx":
            content = export_onnx(model, direction, weights, open_data(model))
        case "stablehlo":
            content = _export_stablehlo(model, direction, open_data(model))
        case "safetensors":
            content = _export_safetensors(model, direction)
    output.parent.mkdir(parents=True, exist_ok=True)
    with replacing(output) as opened:
        opened.write(content)
    print(f"{printable(output)}: {len(content) / 1e6:.1f} MB")


def describe(
    model: Model, generator: TrainedGenerator, direction: str | None, weights: WeightsName
) -> dict[str, str]:
    """Return the metadata of an exported model, which its file stores."""
    method, kinds = model.config.method, model.config.data.kinds()
    facts = {
        "jaxgan_version": __version__,
        "method": type(method).__name__,
        "network": type(generator.network).__name__,
        "step": str(int(model.state.step)),
        "layout": "NHWC, float32",
        "value_range": "-1 1",
        "weights": weights,
    }
    if not isinstance(method, TranslatesImages):
        (kind,) = kinds.values()
        return facts | {
            "input": f"latents, {getattr(method, 'latent', 'normal')} distribution",
            "output_values": f"{kind.dtype}, -1 is {kind.bounds[0]:g}, 1 is {kind.bounds[1]:g}",
        }
    direction = model.choose_direction(direction)
    pair = method.source_and_target(direction)
    values = {
        f"{end}_values": f"{kinds[name].dtype}, -1 is {low:g}, 1 is {high:g}"
        for end, name in zip(("input", "output"), pair, strict=True)
        for low, high in [kinds[name].bounds]
    }
    return (
        facts
        | values
        | {
            "direction": direction,
            "size_multiple": str(generator.network.multiple),
            "smallest_size": str(generator.network.smallest),
            "other_sizes": "padded by reflection inside of the model, and cropped",
            "dropout": "on" if is_random(generator) else "off",
            "norm_statistics": "running" if generator.use_running_average else "image",
        }
    )


def export_onnx(
    model: Model, direction: str | None, weights: WeightsName, splits: Splits | None
) -> bytes:
    """Return the generator of a model as an ONNX file, which onnxruntime has checked.

    Args:
        model: The model.
        direction: As in `export_model`.
        weights: As in `export_model`.
        splits: The prepared data, if available.

    Raises:
        UserError: As in `export_model`.
    """
    try:
        import onnxruntime

        from jaxgan.export.onnx import to_onnx
    except ModuleNotFoundError as error:
        raise UserError(
            f'ONNX files need the package {error.name}: pip install "jaxgan[onnx]"'
        ) from error

    def runtime(content: bytes) -> Run:
        session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
        (name,) = (given.name for given in session.get_inputs())
        return lambda given: np.asarray(session.run(None, {name: given})[0])

    generator = exported_generator(model, direction)
    content = to_onnx(generator, weights, describe(model, generator, direction, weights))
    still = without_dropout(generator)
    written = dataclasses.replace(still, params=stored(still.params, weights))
    # Dropout cannot be compared: ONNX draws it from random numbers of its own.
    compared = to_onnx(still, weights) if is_random(generator) else content
    inputs = _check("onnxruntime", model, direction, splits, runtime(compared), in_jax(written))
    if is_random(generator):
        _require_random(runtime(content), inputs[0])
    if weights != "float32":
        lost = difference(in_jax(written), in_jax(still), inputs)
        print(
            f"{weights} weights change images by {lost.largest / LEVEL:.1f} of 255 levels at most, "
            f"by {lost.mean / LEVEL:.2f} on average"
        )
    return content


def _export_stablehlo(model: Model, direction: str | None, splits: Splits | None) -> bytes:
    generator = exported_generator(model, direction)
    content = to_stablehlo(generator, random_inputs(model, direction)[0])
    call = jax.export.deserialize(bytearray(content)).call
    seed = [np.uint32(0)] if is_random(generator) else []
    exported = lambda given: np.asarray(call(given, *seed))  # noqa: E731
    _check("StableHLO", model, direction, splits, exported, in_jax(generator))
    return content


def _export_safetensors(model: Model, direction: str | None) -> bytes:
    generator = exported_generator(model, direction)
    variables = {"params": generator.params, "batch_stats": generator.batch_stats}
    tensors = {name: np.asarray(x) for name, x in flatten_dict(variables, sep="/").items()}
    content = save_safetensors(tensors, describe(model, generator, direction, "float32"))
    read = load_safetensors(content)
    if not all(np.array_equal(read[name], tensors[name]) for name in tensors):
        raise UserError("the tensors read back differ from the parameters: nothing was written")
    print(f"{len(read)} tensors, read back equal")
    return content


def _check(
    runtime: str,
    model: Model,
    direction: str | None,
    splits: Splits | None,
    exported: Run,
    expected: Run,
) -> list[Given]:
    """Compare an exported model with JAX, and return the inputs: held-out ones, if there are any.

    Raises:
        UserError: If their outputs differ by more than rounding.
    """
    inputs = random_inputs(model, direction)
    found = require_equal(exported, expected, inputs)
    what = "images" if takes_images(model) else "latent vectors"
    print(f"{runtime} and JAX differ by {found} in [-1, 1] on random {what}")
    if splits is not None:
        inputs = held_out_inputs(model, splits, direction, CHECKED)
        found = require_equal(exported, expected, inputs)
        print(f"{runtime} and JAX differ by {found} on {sum(map(len, inputs))} held-out images")
    return inputs


def _require_random(run: Run, given: Given) -> None:
    """Check that dropout of an exported model draws other values every time.

    Raises:
        UserError: If it does not.
    """
    first, second = run(given), run(given)
    if not np.isfinite(first).all() or np.array_equal(first, second):
        raise UserError("dropout of the exported model has no effect: pass --dropout=off")
    print("dropout stays on, as in training, and differs in every call; it was off to compare")


def _check_arguments(model: Any, output: Any, format: Any, weights: Any) -> None:
    """Check arguments that Python does not check.

    Raises:
        UserError: If one of them is of another type, or none of the names.
    """
    if not isinstance(model, Model):
        raise UserError(f"a model is the result of jaxgan.load(RUN), not {model!r:.50}")
    if not isinstance(output, str | os.PathLike):
        raise UserError(f"output is the path of a file, not {output!r:.50}")
    if format not in (None, *FORMATS):
        raise UserError(f"format is one of {', '.join(FORMATS)}, not {format!r:.50}")
    if weights not in WEIGHTS:
        raise UserError(f"weights is one of {', '.join(WEIGHTS)}, not {weights!r:.50}")


def _format_of(output: Path) -> FormatName:
    """Return the format that the suffix of a file names.

    Raises:
        UserError: If it names none.
    """
    for format in ("onnx", "stablehlo", "safetensors"):
        if output.suffix.lower() == f".{format}":
            return format
    raise UserError(
        f"{printable(output)} has none of the suffixes .onnx, .stablehlo and .safetensors: pass "
        f"--format, one of {', '.join(FORMATS)}"
    )
