"""Measures that compare generated images with real images."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from jaxgan.config import Config
from jaxgan.devices.compiler import compiler_options
from jaxgan.errors import UserError
from jaxgan.images.kinds import RGB
from jaxgan.images.pictures import to_uint8
from jaxgan.metrics import lpips, paired
from jaxgan.metrics.distances import frechet_distance, kernel_distance
from jaxgan.metrics.extractors import Extractor
from jaxgan.metrics.palette import to_classes
from jaxgan.metrics.semantic import segment, semantic_scores, train_segmenter
from jaxgan.metrics.weights import ALEXNET, LPIPS_HEADS, load_weights
from jaxgan.types import Splits

SEGMENTER_PAIRS = 2000  # maximum number of pairs that the segmenter is trained on
REAL = "/real"  # suffix of the names of metrics of real images

ImageBatch = Float[np.ndarray, "batch _height _width _channels"]


class Chunk(NamedTuple):
    """A part of the images of an evaluation, in [-1, 1].

    Attributes:
        number: Number of the chunk.
        made: Images from the model; None in a chunk of only real images.
        real: Real images, which are the targets of pairs; None in a chunk without real images.
        source: Inputs that the model translated; None if it generates images.
    """

    number: int
    made: ImageBatch | None
    real: ImageBatch | None
    source: ImageBatch | None


class Result(NamedTuple):
    """The value of a metric and its protocol.

    Attributes:
        metric: Name of the metric.
        value: The value.
        standard_error: Standard error over the choice of images; None if unknown.
        protocol: Everything that the value depends on.
    """

    metric: str
    value: float
    standard_error: float | None
    protocol: Mapping[str, str]


class Measure(NamedTuple):
    """A measure, which is computed in two steps.

    Attributes:
        see: Function from a chunk to intermediate values.
        summarize: Function from the intermediate values of all chunks to results.
    """

    see: Callable[[Chunk], Any]
    summarize: Callable[[Sequence[Any]], list[Result]]


def per_image(
    metric: str, function: Callable[[ImageBatch, ImageBatch], np.ndarray], description: str
) -> Measure:
    """Return a measure that averages a distance between each image and its target."""

    def summarize(seen):
        values = np.concatenate(seen)
        known = len(values) > 1 and np.isfinite(values).all()
        error = float(values.std(ddof=1) / math.sqrt(len(values))) if known else None
        return [Result(metric, float(values.mean()), error, {"measured": description})]

    def see(chunk):
        assert chunk.made is not None
        assert chunk.real is not None
        return function(chunk.made, chunk.real)

    return Measure(see, summarize)


L1 = per_image(
    "l1", paired.l1, "mean absolute difference of values in [-1, 1], as written to files"
)
PSNR = per_image(
    "psnr", paired.psnr, "scikit-image's, in decibels, of a range of 2, as written to files"
)
SSIM = per_image(
    "ssim",
    paired.ssim,
    "scikit-image's, in 11x11 Gaussian windows of 1.5, channels averaged, as written to files",
)


def make_lpips(weights: Mapping[str, Path]) -> Measure:
    """Return the measure LPIPS.

    Args:
        weights: Files of weights by the name of the published file, see `load_weights`.

    Raises:
        UserError: If weights are missing.
    """
    tensors = [load_weights(file, given=weights.get(file.name)) for file in (ALEXNET, LPIPS_HEADS)]
    params = lpips.from_torch(*tensors)
    distance = jax.jit(lpips.distance, compiler_options=compiler_options())

    def measure(made, real):
        return np.asarray(distance(params, jnp.asarray(made), jnp.asarray(real)), np.float64)

    return per_image(
        "lpips", measure, f"v0.1, {ALEXNET.name} and {LPIPS_HEADS.name}, as written to files"
    )


def fcn_score(config: Config, splits: Splits) -> Measure:
    """Return the scores of a segmentation network on photos generated from label maps.

    The network is trained on the pairs of the data set. The scores of real photos are also
    reported, as an upper bound.

    Raises:
        UserError: If the data set does not have label maps as inputs.
    """
    if any(kind != RGB for kind in config.data.kinds().values()):
        raise UserError("fcn-score needs label maps and photos in 8-bit RGB: leave it out")
    raws = config.data.held_out(splits, SEGMENTER_PAIRS, "train").batches
    if len(raws) > 1 or "input" not in raws[0]:
        raise UserError("fcn-score needs pairs of label maps and photos, all of one size")
    segmenter = train_segmenter(raws[0]["target"], raws[0]["input"])

    def see(chunk):
        assert chunk.source is not None
        labels = to_classes(to_uint8(chunk.source), segmenter.palette)
        seen = (segment(segmenter, to_uint8(x)) for x in (chunk.made, chunk.real))
        return [maps.ravel() for maps in (labels, *seen)]

    def summarize(seen):
        labels, made, real = (np.concatenate(maps) for maps in zip(*seen, strict=True))
        pairs, classes = len(raws[0]["input"]), len(segmenter.palette)
        how = {"measured": f"by a U-Net trained on {pairs} real pairs of train, {classes} classes"}
        return [
            Result(f"fcn-score/{name}{ending}", value, None, how)
            for ending, predicted in (("", made), (REAL, real))
            for name, value in semantic_scores(predicted, labels, classes)._asdict().items()
        ]

    return Measure(see, summarize)


def feature_distances(metrics: Sequence[str], extractor: Extractor, *, seed: int) -> Measure:
    """Return the measure of `fid`, `kid` or both.

    Args:
        metrics: `fid`, `kid` or both.
        extractor: Feature extractor.
        seed: Seed of the subsets of `kid`.
    """
    of_real: dict[int, np.ndarray] = {}  # by number of the chunk; the same for every model

    def see(chunk):
        if chunk.real is not None and chunk.number not in of_real:
            of_real[chunk.number] = extractor.extract(chunk.real)
        made = None if chunk.made is None else extractor.extract(chunk.made)
        return made, None if chunk.real is None else of_real[chunk.number]

    def summarize(seen):
        made, real = (
            np.concatenate([features for features in side if features is not None])
            for side in zip(*seen, strict=True)
        )
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

    return Measure(see, summarize)
