"""Feature extractors for FID and KID."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from PIL import Image

from jaxgan.config import Config
from jaxgan.devices.compiler import compiler_options
from jaxgan.errors import UserError
from jaxgan.images.files import apply_pillow
from jaxgan.images.pictures import to_uint8
from jaxgan.inference.model import load
from jaxgan.metrics import resizing
from jaxgan.metrics.networks.inception import InceptionV3, from_torch
from jaxgan.metrics.weights import INCEPTION, load_weights
from jaxgan.training.program import batch_spec
from jaxgan.types import Representing

FEATURE_BATCH_SIZE = 16

ResizeName = Literal["clean", "original", "pytorch-fid"]
RESIZES = {
    "clean": (resizing.clean_bicubic, "bicubic with antialiasing by Pillow, as clean-fid"),
    "original": (resizing.tensorflow_bilinear, "bilinear of TensorFlow 1, as the original FID"),
    "pytorch-fid": (resizing.pytorch_bilinear, "bilinear of PyTorch, as pytorch-fid"),
}


class Extractor(NamedTuple):
    """Computes features of images.

    Attributes:
        extract: Function from images in [-1, 1] to one row of features per image.
        protocol: Description to report with every number that depends on the features.
    """

    extract: Callable[
        [Float[np.ndarray, "batch height width channels"]], Float[np.ndarray, "batch features"]
    ]
    protocol: Mapping[str, str]


def make_extractor(
    features: str, resize: ResizeName, weights: Path | None, config: Config | None = None
) -> Extractor:
    """Return an extractor by its name on the command line.

    Args:
        features: `inception`, or `run:` and the folder of a run.
        resize: How images are resized for Inception.
        weights: File of Inception's weights; None reads it from the cache.
        config: For `run:`, a config with the classes that are not jaxgan's.

    Raises:
        UserError: If the name is unknown or the weights are missing.
    """
    if features == "inception":
        return inception(resize, weights)
    if features.startswith("run:"):
        return of_run(Path(features.removeprefix("run:")), config)
    raise UserError(f"there are no features {features}: choose inception, or run:DIR")


def inception(resize: ResizeName, weights: Path | None) -> Extractor:
    """Return the standard features, for RGB or gray images.

    Raises:
        UserError: If the weights are missing.
    """
    params = from_torch(load_weights(INCEPTION, given=weights))
    function, description = RESIZES[resize]

    @partial(jax.jit, compiler_options=compiler_options())
    def see(params, images):
        features: Any = InceptionV3().apply({"params": params}, images)
        return features[2048]

    def extract(images):
        if images.shape[-1] not in (1, 3):
            raise UserError(
                f"Inception supports gray and RGB images, not {images.shape[-1]} channels: "
                "take the features of a run, run:DIR"
            )
        pixels = to_uint8(images)
        color = np.repeat(pixels, 3, axis=-1) if pixels.shape[-1] == 1 else pixels
        return _in_batches(lambda batch: see(params, jnp.asarray(function(batch))), color)

    return Extractor(
        extract,
        {
            "features": f"2048 of Inception-v3, {INCEPTION.name}",
            "resized": f"to 299x299, {description}, from 8 bits",
        },
    )


def of_run(folder: Path, config: Config | None = None) -> Extractor:
    """Return the features of a trained discriminator.

    These are the features of all hidden layers, averaged over height and width.

    Raises:
        UserError: If the run does not exist or its discriminator cannot provide features.
    """
    model = load(folder, config=config)
    method = model.config.method
    if not isinstance(method, Representing):
        kind = type(method).__name__
        raise UserError(f"{folder} is a {kind}, whose discriminator needs pairs: choose another")
    shapes = {spec.shape for spec in batch_spec(model.config).values()}
    if len(shapes) > 1:
        raise UserError(f"{folder} knows images of two kinds, one for each domain: choose another")
    ((_, height, width, channels),) = shapes

    @partial(jax.jit, compiler_options=compiler_options())
    def see(state, images):
        layers = method.represent(state, images)
        return jnp.concatenate([layer.mean(axis=(1, 2)) for layer in layers], axis=-1)

    def fit(image):
        return apply_pillow(image, lambda x: x.resize((width, height), Image.Resampling.BICUBIC))

    def extract(images):
        if images.shape[-1] != channels:
            raise UserError(f"{folder} knows images of {channels} channels, not {images.shape[-1]}")
        fitted = np.stack([fit(image.astype(np.float32)) for image in images])
        return _in_batches(lambda batch: see(model.state, jnp.asarray(batch)), fitted)

    return Extractor(
        extract,
        {
            "features": f"of the discriminator of {model.checkpoint}, a {type(method).__name__}",
            "resized": f"to {height}x{width}, bicubic with antialiasing by Pillow, from floats",
        },
    )


def _in_batches(
    see: Callable[[np.ndarray], Float[Array, "batch features"]], images: np.ndarray
) -> Float[np.ndarray, "count features"]:
    """Apply a function to batches of a fixed size, so that it is compiled once."""
    blocks = []
    for start in range(0, len(images), FEATURE_BATCH_SIZE):
        block = images[start : start + FEATURE_BATCH_SIZE]
        padding = [(0, FEATURE_BATCH_SIZE - len(block)), *[(0, 0)] * (images.ndim - 1)]
        blocks.append(np.asarray(see(np.pad(block, padding)), np.float64)[: len(block)])
    return np.concatenate(blocks)
