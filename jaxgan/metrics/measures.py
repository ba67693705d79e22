"""What can be measured on what a model makes, beside what it should be like."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from jaxgan.metrics import lpips, paired
from jaxgan.metrics.distances import frechet_distance, kernel_distance
from jaxgan.metrics.extractors import Extractor
from jaxgan.metrics.weights import ALEXNET, LPIPS_HEADS, find

ImageBatch = Float[np.ndarray, "batch _height _width _channels"]


class Chunk(NamedTuple):
    """Some of the images of an evaluation, in [-1, 1].

    Attributes:
        number: Which part of all images it is.
        made: What the model made.
        real: Real images; those that should have been made, if they are paired.
        source: What the model translated, None if it makes images of nothing.
    """

    number: int
    made: ImageBatch
    real: ImageBatch
    source: ImageBatch | None


class Result(NamedTuple):
    """A number and how it came about.

    Attributes:
        metric: What was measured.
        value: The number.
        standard_error: By how much it may be off, given other images; None if not known.
        protocol: What it depends on.
    """

    metric: str
    value: float
    standard_error: float | None
    protocol: Mapping[str, str]


class Measure(NamedTuple):
    """Something to measure.

    Attributes:
        see: What to keep of every chunk.
        summarize: The results, from what was kept of all chunks.
        paired: Whether every image is compared with its own target.
    """

    see: Callable[[Chunk], Any]
    summarize: Callable[[Sequence[Any]], list[Result]]
    paired: bool


def per_image(
    metric: str, function: Callable[[ImageBatch, ImageBatch], np.ndarray], description: str
) -> Measure:
    """Return the mean of a distance between each image and its target."""

    def summarize(seen):
        values = np.concatenate(seen)
        error = float(values.std(ddof=1) / math.sqrt(len(values))) if len(values) > 1 else None
        return [Result(metric, float(values.mean()), error, {"measured": description})]

    return Measure(lambda chunk: function(chunk.made, chunk.real), summarize, paired=True)


L1 = per_image("l1", paired.l1, "mean absolute difference of values in [-1, 1]")
PSNR = per_image("psnr", paired.psnr, "decibels, of a range of 2")
SSIM = per_image(
    "ssim", paired.ssim, "scikit-image's, in 11x11 Gaussian windows of 1.5, channels averaged"
)


def make_lpips(weights: Mapping[str, Path]) -> Measure:
    """Return LPIPS.

    Args:
        weights: Files of weights by the name of the published file, see `find`.

    Raises:
        UserError: If weights are missing.
    """
    tensors = [find(file, given=weights.get(file.name)) for file in (ALEXNET, LPIPS_HEADS)]
    params, distance = lpips.from_torch(*tensors), jax.jit(lpips.distance)

    def measure(made, real):
        return np.asarray(distance(params, jnp.asarray(made), jnp.asarray(real)), np.float64)

    return per_image("lpips", measure, f"v0.1, {ALEXNET.name} and {LPIPS_HEADS.name}")


def feature_distances(metrics: Sequence[str], extractor: Extractor, *, seed: int) -> Measure:
    """Return `fid`, `kid` or both.

    Args:
        metrics: Which.
        extractor: Makes the features.
        seed: Seed of the subsets of `kid`.
    """
    of_real: dict[int, np.ndarray] = {}  # by number of the chunk; the same for every model

    def see(chunk):
        if chunk.number not in of_real:
            of_real[chunk.number] = extractor.extract(chunk.real)
        return extractor.extract(chunk.made), of_real[chunk.number]

    def summarize(seen):
        made, real = (np.concatenate(features) for features in zip(*seen, strict=True))
        results = []
        for metric in metrics:
            if metric == "fid":
                result = Result("fid", frechet_distance(made, real), None, extractor.protocol)
            else:
                distance = kernel_distance(made, real, seed=seed)
                subsets = {"subsets": "100 of 1000 images, of all if there are fewer"}
                how = {**extractor.protocol, **subsets}
                result = Result("kid", distance.mean, distance.standard_error, how)
            results.append(result)
        return results

    return Measure(see, summarize, paired=False)
