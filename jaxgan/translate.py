"""Translates files of images with a trained model."""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from tqdm import tqdm

from jaxgan.data.folder import visible_files
from jaxgan.errors import ImageError, UserError
from jaxgan.image_files import DEPTHS, choose_suffix, deepest, read_image, read_size, write_image
from jaxgan.model import BATCH_SIZE, Model
from jaxgan.pixels import Pixels, PixelType
from jaxgan.tiles import translate_in_tiles
from jaxgan.translations import Pair, show, write_page
from jaxgan.types import ImageArray, Translating

BATCH_PIXELS = 2**20  # larger batches gain nothing and take memory


@dataclass(frozen=True, kw_only=True)
class Options:
    """How files are translated.

    Attributes:
        direction: `ab` or `ba` for a CycleGAN; None for the first that the model has.
        format: Ending of the files to write; None keeps that of the input where it holds the
            output, and else takes png or tiff.
        value_range: Values of floats that become -1 and 1, for a model of integers.
        tile: Height and width of tiles in pixels; 0 translates images as a whole.
        whole_statistics: Whether the norms of tiles take the statistics of the whole image.
    """

    direction: str | None = None
    format: str | None = None
    value_range: tuple[float, float] | None = None
    tile: int = 0
    whole_statistics: bool = True


class Loaded(NamedTuple):
    """An image in [-1, 1], and how its translation is to be written."""

    image: ImageArray
    kind: Pixels
    suffix: str


def translate_files(
    model: Model, source: Path, output: Path, options: Options
) -> tuple[int, list[str]]:
    """Translate a file, or every image below a folder, under the same names and sizes.

    Images of one size share a compiled program, and small ones are translated in batches.

    Args:
        model: A model that translates images.
        source: The file or folder.
        output: The folder to write to, with a page `index.html` that shows all side by side.
        options: How.

    Returns:
        How many were written, and a line for every file that could not be translated.

    Raises:
        UserError: If there are no files, or the model does not translate in this direction.
    """
    direction = model.choose_direction(options.direction)
    if not source.exists():
        raise UserError(f"there is no file or folder {source}")
    root = source if source.is_dir() else source.parent
    if output.resolve() == root.resolve():
        raise UserError(f"{output} holds the input, which would be lost: choose another --output")
    files = visible_files(source) if source.is_dir() else [source]
    if output.resolve().is_relative_to(root.resolve()):  # what was written there before
        files = [file for file in files if not file.resolve().is_relative_to(output.resolve())]
    if not files:
        raise UserError(f"{source} has no files")
    method = model.config.method
    assert isinstance(method, Translating)
    inputs, outputs = (model.config.data.pixels()[name] for name in method.domains(direction))
    failed: list[str] = []
    sizes: dict[Path, tuple[int, int]] = {}
    for file in files:
        try:
            sizes[file] = read_size(file)
        except ImageError as error:
            failed.append(f"{file}: {error}")
    pairs: list[Pair] = []
    targets: set[Path] = set()
    with tqdm(total=len(sizes), desc="translating", unit=" images") as progress:
        for batch in _batches(sizes, options.tile):
            loaded: dict[Path, Loaded] = {}
            for file in batch:
                try:
                    loaded[file] = _load(file, inputs, outputs, options)
                except ImageError as error:
                    failed.append(f"{file}: {error}")
            images = [image for image, _, _ in loaded.values()]
            made = _translate(model, direction, images, len(batch), options)
            for file, translated in zip(loaded, made, strict=True):
                image, kind, suffix = loaded[file]
                target = (output / file.relative_to(root)).with_suffix(suffix)
                if target in targets:  # another format of the same name
                    target = target.with_name(f"{file.name}{suffix}")
                target.parent.mkdir(parents=True, exist_ok=True)
                try:
                    write_image(target, kind.denormalize(translated))
                except ImageError as error:
                    failed.append(f"{file}: {error}")
                    continue
                targets.add(target)
                pairs.append(show(output, (file, target), (image, translated)))
            progress.update(len(batch))
    if pairs:
        write_page(output, pairs, f"{model.checkpoint}, {direction}")
    return len(pairs), failed


def _batches(sizes: dict[Path, tuple[int, int]], tile: int) -> Iterator[list[Path]]:
    """Yield files that are translated together, all of one size."""
    in_order = sorted(sizes, key=lambda file: sizes[file])
    for size, group in itertools.groupby(in_order, lambda file: sizes[file]):
        files = list(group)
        many = len(files) >= BATCH_SIZE and BATCH_SIZE * math.prod(size) <= BATCH_PIXELS
        count = BATCH_SIZE if many and not tile else 1
        for start in range(0, len(files), count):
            yield files[start : start + count]


def _load(file: Path, source: Pixels, target: Pixels, options: Options) -> Loaded:
    """Read a file of any depth.

    If it is as deep as the model's inputs are, its translation is written as deep as the outputs
    are, else as deep as the file; never deeper than the format holds.

    Raises:
        ImageError: If it is not an image of these channels, or its values have no known range, or
            are outside of it.
    """
    pixels = read_image(file, source.channels, source.nodata)
    if source.dtype == "float32":
        pixels = source.convert(pixels)
    if pixels.dtype != source.dtype:
        if pixels.dtype == np.float32 and options.value_range is None:
            raise ImageError("holds floats: say by --value_range which are black and white")
        depth: Any = pixels.dtype.name
        source, target = (_at_depth(x, depth, options.value_range) for x in (source, target))
    source.check_range(pixels)
    suffix = f".{options.format}" if options.format else choose_suffix(file.suffix, target)
    held = deepest(suffix.lower(), target.channels)
    if held is None:
        raise ImageError(f"{suffix} does not hold {target.channels} channels: take tiff or npy")
    written_as = _at_depth(target, min(held, target.dtype, key=DEPTHS.index), None)
    return Loaded(np.asarray(source.normalize(pixels)), written_as, suffix)


def _at_depth(kind: Pixels, depth: PixelType, value_range: tuple[float, float] | None) -> Pixels:
    """Return the same kind of image at another depth.

    Args:
        kind: What to change.
        depth: Its new depth.
        value_range: Which floats become -1 and 1.
    """
    if depth == kind.dtype:
        return kind
    if depth == "float32":
        bounds = value_range
    elif kind.dtype == "float32":
        bounds = None
    else:
        factor = np.iinfo(depth).max / np.iinfo(kind.dtype).max
        bounds = (factor * kind.bounds[0], factor * kind.bounds[1])
    return Pixels(channels=kind.channels, dtype=depth, value_range=bounds)


def _translate(
    model: Model,
    direction: str,
    images: Sequence[ImageArray],
    batch_size: int,
    options: Options,
) -> Sequence[ImageArray]:
    """Translate images of one size, `batch_size` or fewer."""
    if not images:
        return []
    if options.tile and options.tile < max(images[0].shape[:2]):
        tiled = translate_in_tiles(
            model.translator(direction),
            images[0],
            jax.random.key(0),
            size=options.tile,
            whole_statistics=options.whole_statistics,
        )
        return [tiled.image]
    missing = batch_size - len(images)
    padded = np.pad(np.stack(images), ((0, missing), (0, 0), (0, 0), (0, 0)))
    return list(model.translate(padded, direction)[: len(images)])
