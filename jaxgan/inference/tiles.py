"""Translates images that are too large for the device, in overlapping tiles."""

import functools
from functools import partial
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from jaxgan.devices.compiler import compiler_options
from jaxgan.methods.generator import apply, fitting
from jaxgan.networks.layers.modules import Norm
from jaxgan.networks.layers.norms import EPSILON
from jaxgan.progress import show_progress
from jaxgan.types import ImageArray, TrainedGenerator

OVERLAP = 4  # neighbors overlap by a quarter of a tile
MARGIN = 4  # a quarter of the overlap, at each edge of a tile, is discarded for its edge effects


class Tiled(NamedTuple):
    """A translated image and its cost.

    Attributes:
        image: The image in [-1, 1].
        tiles: Number of tiles.
        passes: Number of times that each tile was translated.
    """

    image: ImageArray
    tiles: int
    passes: int


class Moments(NamedTuple):
    """Mean and variance of the features that reach a norm."""

    mean: Float[Any, " channels"]
    variance: Float[Any, " channels"]


class Sums(NamedTuple):
    """Weighted sums of the features that reach a norm, and of their squares, about `origin`."""

    weight: Float[Any, ""]
    origin: Float[Any, " channels"]
    first: Float[Any, " channels"]
    second: Float[Any, " channels"]


def translate_in_tiles(
    translator: TrainedGenerator,
    image: ImageArray,
    key: PRNGKeyArray,
    *,
    size: int,
    whole_statistics: bool,
) -> Tiled:
    """Translate one image in tiles that are blended where they overlap.

    Norms use the statistics either of each tile, so that contrast and color change from tile to
    tile, or of the whole image. The latter are measured one norm per pass over all tiles: the first
    pass measures the input of the first norm, the second pass that of the second norm, given the
    statistics of the first, and so on. The only remaining difference is that the generator cannot
    see past the edge of a tile.

    Args:
        translator: A generator.
        image: Image in [-1, 1].
        key: Random key for dropout.
        size: Height and width of a tile in pixels, rounded up to a multiple of 16 that fits the
            generator.
        whole_statistics: Whether norms use the statistics of the whole image.
    """
    size = fitting(translator, size + -size % 16)
    height, width, _ = image.shape
    bottom, right = (max(fitting(translator, edge), size) for edge in (height, width))
    padding = ((0, bottom - height), (0, right - width), (0, 0))
    padded = np.pad(image.astype(np.float32), padding, mode="reflect")
    rows, columns = _windows(bottom, size), _windows(right, size)
    tiles = [
        (slice(top, top + size), slice(left, left + size), np.outer(vertical, horizontal))
        for top, vertical in rows.items()
        for left, horizontal in columns.items()
    ]
    run = partial(_jitted_translate_tile(), translator, key)
    tile, weight = padded[:size, :size], tiles[0][2]
    output, sums = jax.eval_shape(_translate_tile, translator, key, tile, weight, None, 0)
    zeros = (np.zeros(part.origin.shape, np.float32) for part in sums)
    moments = [Moments(zero, zero) for zero in zeros]
    passes = len(moments) + 1 if whole_statistics else 1
    canvas = np.zeros((*padded.shape[:2], output.shape[-1]), np.float32)
    for settled in show_progress(range(passes), "translating", unit=" passes"):
        last = settled == passes - 1
        measured = []
        for down, across, weight in show_progress(tiles, "tiles", unit=" tiles", leave=False):
            y, sums = run(padded[down, across], weight, moments, settled)
            if last:
                canvas[down, across] += weight[..., None] * np.asarray(y)
            else:
                measured.append(sums[settled])
        if not last:
            moments[settled] = _combine(measured)
    return Tiled(canvas[:height, :width], len(tiles), passes)


def _windows(edge: int, size: int) -> dict[int, Float[np.ndarray, " size"]]:
    """Return the start of every tile along an edge, and the weights of its pixels.

    The weights of all tiles sum to one at every pixel.
    """
    overlap = size // OVERLAP
    margin = overlap // MARGIN
    rise = (np.arange(overlap - 2 * margin) + 0.5) / (overlap - 2 * margin)
    ramp = np.concatenate([np.zeros(margin), np.sin(np.pi / 2 * rise) ** 2, np.ones(margin)])
    starts = [*range(0, edge - size, size - overlap), edge - size]
    windows = {start: np.ones(size) for start in starts}
    for start in starts[1:]:
        windows[start][:overlap] *= ramp
    for start in starts[:-1]:
        windows[start][-overlap:] *= ramp[::-1]
    total = np.zeros(edge)
    for start, window in windows.items():
        total[start : start + size] += window
    return {
        start: (window / total[start : start + size]).astype(np.float32)
        for start, window in windows.items()
    }


@functools.cache
def _jitted_translate_tile() -> jax.stages.Wrapped:
    return jax.jit(_translate_tile, compiler_options=compiler_options())


def _translate_tile(
    translator: TrainedGenerator,
    key: PRNGKeyArray,
    tile: Float[Any, "size size channels"],
    weight: Float[Any, "size size"],
    moments: list[Moments] | None,
    settled: Int[Any, ""] | int,
) -> tuple[Float[Array, "size size new_channels"], list[Sums]]:
    """Return a translated tile, and sums of the inputs of its norms.

    Args:
        translator: A generator.
        key: Random key for dropout.
        tile: Part of an image in [-1, 1].
        weight: Weight of each pixel.
        moments: Statistics for every norm.
        settled: Number of norms, from the first, that use `moments` instead of the tile's own
            statistics.
    """
    measured: list[Sums] = []

    def normalize(call, args, kwargs, context):
        norm = context.module
        own = isinstance(norm, Norm) and not (
            norm.kind == "batch" and translator.use_running_average
        )
        if not own or context.method_name != "__call__":
            return call(*args, **kwargs)
        (x,) = args
        mean, variance = x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2))
        if moments is not None:
            given, known = moments[len(measured)], len(measured) < settled
            mean = jnp.where(known, given.mean, mean)
            variance = jnp.where(known, given.variance, variance)
        x -= mean.reshape(1, 1, 1, -1)
        factor = len(weight) // x.shape[1]
        share = weight.reshape(x.shape[1], factor, x.shape[2], factor).sum(axis=(1, 3))
        first, second = (jnp.einsum("hw,bhwc->c", share, power) for power in (x, x * x))
        measured.append(Sums(share.sum(), mean, first, second))
        x *= jax.lax.rsqrt(variance + EPSILON).reshape(1, 1, 1, -1)
        if norm.kind == "batch":
            scale, bias = (norm.get_variable("params", name) for name in ("scale", "bias"))
            x = x * scale.reshape(1, 1, 1, -1) + bias.reshape(1, 1, 1, -1)
        return x

    with nn.intercept_methods(normalize):
        y = apply(translator, tile[None], key)
    return y[0], measured


def _combine(sums: list[Sums]) -> Moments:
    """Return the statistics of a norm over all tiles."""
    count, mean, square = np.zeros(()), np.zeros(()), np.zeros(())
    for part in sums:
        weight, origin, first, second = (np.asarray(x, np.float64) for x in part)
        count = count + weight
        mean = mean + first + weight * origin
        square = square + second + 2 * origin * first + weight * origin**2
    mean, square = mean / count, square / count
    return Moments(mean.astype(np.float32), (square - mean**2).astype(np.float32))
