"""Translates files of images with a trained model."""

import errno
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, NamedTuple

import jax
import numpy as np
from tqdm import tqdm

from jaxgan.data.sources.folder import visible_files
from jaxgan.errors import ImageError, UserError
from jaxgan.files import printable
from jaxgan.images.decoders import MAX_PIXELS, Header, check_pixels
from jaxgan.images.files import (
    DEPTHS,
    choose_suffix,
    deepest,
    read_header,
    read_image,
    write_image,
)
from jaxgan.images.kinds import ImageKind, PixelType
from jaxgan.inference.model import BATCH_SIZE, Model
from jaxgan.inference.outputs import claim
from jaxgan.inference.page import PAGE, Pair, plan, write_page, write_pictures
from jaxgan.inference.tiles import translate_in_tiles
from jaxgan.types import ImageArray, TranslatesImages

BATCH_PIXELS = 2**20  # larger batches gain nothing and take memory
UNUSABLE_NAME = (errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL)  # the disk does not take it


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
        max_pixels: The most pixels of an image.
        overwrite: Whether files that jaxgan did not write may be replaced.
    """

    direction: str | None = None
    format: str | None = None
    value_range: tuple[float, float] | None = None
    tile: int = 0
    whole_statistics: bool = True
    max_pixels: int = MAX_PIXELS
    overwrite: bool = False


class Loaded(NamedTuple):
    """An image in [-1, 1], and how its translation is to be written."""

    image: ImageArray
    kind: ImageKind


def translate_files(
    model: Model, source: Path, output: Path, options: Options
) -> tuple[int, list[str]]:
    """Translate a file, or every image below a folder, under the same names and sizes.

    Images of one size share a compiled program, and small ones are translated in batches. Where two
    outputs would have one name, as those of `a.jpg` and `a.png` as PNG, the second keeps the whole
    name of its input: `a.jpg.png`.

    Args:
        model: A model that translates images.
        source: The file or folder.
        output: The folder to write to, with a page `index.html` that shows all side by side.
        options: How.

    Returns:
        How many were written, and a line for every file that could not be translated.

    Raises:
        UserError: If the input has no files, the model does not support the direction, or the
            output would replace files of the user.
    """
    direction = model.choose_direction(options.direction)
    files, root = _find(source, output)
    method = model.config.method
    assert isinstance(method, TranslatesImages)
    inputs, outputs = (
        model.config.data.kinds()[name] for name in method.source_and_target(direction)
    )
    failed: list[str] = []

    def fail(file: Path, error: Exception) -> None:
        failed.append(printable(f"{file}: {error}"))

    headers: dict[Path, Header] = {}
    suffixes: dict[Path, str] = {}
    for file in files:
        try:
            header = read_header(file)
            hint = f"pass --max_pixels {math.prod(header.size)}, and --tile if memory is short"
            check_pixels(header.size, max_pixels=options.max_pixels, what_to_do=hint)
            suffixes[file] = _choose_suffix(file, header.depth, inputs, outputs, options)
            headers[file] = header
        except ImageError as error:
            fail(file, error)
    planned = plan(root, output, suffixes, (inputs.channels, outputs.channels))
    if planned:
        targets = {pair.output for pair in planned.values()}
        targets |= {picture for pair in planned.values() for _, picture in pair.extra()}
        names = {target.relative_to(output) for target in targets}
        claim(output, {*names, PurePath(PAGE)}, overwrite=options.overwrite, inputs=files)
    written: list[Pair] = []
    with tqdm(total=len(planned), desc="translating", unit=" images") as progress:
        for batch in _batches(headers, options.tile):
            loaded: dict[Path, Loaded] = {}
            for file in batch:
                try:
                    output_file = planned[file].output
                    loaded[file] = _load(file, headers[file], output_file, inputs, outputs, options)
                except ImageError as error:
                    fail(file, error)
            images = [image for image, _ in loaded.values()]
            try:
                made = _translate(model, direction, images, len(batch), options)
            except jax.errors.JaxRuntimeError as error:
                if "RESOURCE_EXHAUSTED" not in str(error):
                    raise
                for file in loaded:
                    fail(file, ImageError("too large for the device's memory: pass --tile"))
                loaded, made = {}, []
            for file, translated in zip(loaded, made, strict=True):
                (image, kind), pair = loaded[file], planned[file]
                try:
                    pair.output.parent.mkdir(parents=True, exist_ok=True)
                    write_image(pair.output, kind.denormalize(translated))
                    write_pictures(pair, (image, translated))
                except (ImageError, OSError) as error:
                    if isinstance(error, OSError) and error.errno not in UNUSABLE_NAME:
                        raise
                    fail(file, error)
                    continue
                written.append(pair)
            progress.update(len(batch))
    if written:
        write_page(output, written, f"{model.checkpoint}, {direction}")
    return len(written), failed


def _find(source: Path, output: Path) -> tuple[list[Path], Path]:
    """Return the files to translate, and the folder that their names are relative to.

    Raises:
        UserError: If there are none, or they would be replaced.
    """
    if not source.exists():
        raise UserError(f"{source} does not exist: pass a file or a folder")
    if not source.is_dir() and not source.is_file():
        raise UserError(f"{source} is a named pipe, socket or device: pass a file or a folder")
    root = source if source.is_dir() else source.parent
    if output.resolve() == root.resolve():
        raise UserError(f"{output} holds the input, which would be lost: choose another --output")
    files = visible_files(source) if source.is_dir() else [source]
    if output.resolve().is_relative_to(root.resolve()):  # what was written there before
        files = [file for file in files if not file.resolve().is_relative_to(output.resolve())]
    if not files:
        raise UserError(f"{source} has no files")
    return files, root


def _batches(headers: Mapping[Path, Header], tile: int) -> Iterator[list[Path]]:
    """Yield files that are translated together, all of one size."""
    in_order = sorted(headers, key=lambda file: headers[file].size)
    for size, group in itertools.groupby(in_order, lambda file: headers[file].size):
        files = list(group)
        many = len(files) >= BATCH_SIZE and BATCH_SIZE * math.prod(size) <= BATCH_PIXELS
        count = BATCH_SIZE if many and not tile else 1
        for start in range(0, len(files), count):
            yield files[start : start + count]


def _choose_suffix(
    file: Path, depth: PixelType, source: ImageKind, target: ImageKind, options: Options
) -> str:
    """Return the ending of the file to write.

    Raises:
        ImageError: If that does not hold the output, or values of this depth have no known range.
    """
    _, target = _as_deep_as(depth, source, target, options)
    suffix = f".{options.format}" if options.format else choose_suffix(file.suffix, target)
    if deepest(suffix.lower(), target.channels) is None:
        raise ImageError(f"{suffix} does not hold {target.channels} channels: choose tiff or npy")
    return suffix


def _load(
    file: Path, header: Header, output: Path, source: ImageKind, target: ImageKind, options: Options
) -> Loaded:
    """Read a file of any depth.

    If it is as deep as the model's inputs are, its translation is written as deep as the outputs
    are, else as deep as the file; never deeper than the format holds.

    Raises:
        ImageError: If it is not an image of these channels, or its values have no known range, or
            are outside of it.
    """
    pixels = read_image(file, source.channels, source.nodata, options.max_pixels)
    if pixels.shape[:2] != header.size:
        raise ImageError(f"has {pixels.shape[:2]} pixels, not {header.size} as its header says")
    depth: Any = pixels.dtype.name
    source, target = _as_deep_as(depth, source, target, options)
    pixels = source.convert(pixels)
    source.check_range(pixels)
    held = deepest(output.suffix.lower(), target.channels)
    assert held is not None
    written_as = _at_depth(target, min(held, target.dtype, key=DEPTHS.index), None)
    return Loaded(np.asarray(source.normalize(pixels)), written_as)


def _as_deep_as(
    depth: PixelType, source: ImageKind, target: ImageKind, options: Options
) -> tuple[ImageKind, ImageKind]:
    """Return the kinds of input and output for a file of this depth.

    Raises:
        ImageError: If its values have no known range.
    """
    if depth == source.dtype or source.dtype == "float32":
        return source, target
    if depth == "float32" and options.value_range is None:
        raise ImageError("holds floats: pass --value_range, the values of black and white")
    return (
        _at_depth(source, depth, options.value_range),
        _at_depth(target, depth, options.value_range),
    )


def _at_depth(
    kind: ImageKind, depth: PixelType, value_range: tuple[float, float] | None
) -> ImageKind:
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
    return ImageKind(channels=kind.channels, dtype=depth, value_range=bounds)


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
            model.trained_generator(direction),
            images[0],
            jax.random.key(0),
            size=options.tile,
            whole_statistics=options.whole_statistics,
        )
        return [tiled.image]
    missing = batch_size - len(images)
    padded = np.pad(np.stack(images), ((0, missing), (0, 0), (0, 0), (0, 0)))
    return list(model.translate(padded, direction)[: len(images)])
