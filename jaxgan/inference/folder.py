"""Translates image files with a trained model."""

import errno
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, NamedTuple

import jax
import numpy as np

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
from jaxgan.inference.model import TRANSLATE_BATCH_SIZE, Model
from jaxgan.inference.outputs import claim
from jaxgan.inference.page import PAGE, Pair, plan, write_page, write_pictures
from jaxgan.inference.tiles import translate_in_tiles
from jaxgan.progress import show_progress
from jaxgan.types import ImageArray, TranslatesImages

BATCH_PIXELS = 2**20  # larger batches are not faster and take more memory
UNUSABLE_NAME = (errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL)  # the disk rejects the name


@dataclass(frozen=True, kw_only=True)
class Options:
    """Options for translating files.

    Attributes:
        direction: `ab` or `ba` for a CycleGAN; None for the model's first direction.
        format: Suffix of the files to write; None keeps the suffix of the input if that format can
            store the output, and otherwise uses png or tiff.
        value_range: Values of floats that map to -1 and 1, for a model of integers.
        tile: Height and width of tiles in pixels; 0 translates images as a whole.
        whole_statistics: Whether the norms of tiles use the statistics of the whole image.
        max_pixels: Maximum number of pixels of an image.
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
    """An image in [-1, 1], and the kind of image to write its translation as."""

    image: ImageArray
    kind: ImageKind


def translate_files(
    model: Model, source: Path, output: Path, options: Options
) -> tuple[int, list[str]]:
    """Translate a file, or every image below a folder; names and sizes stay the same.

    Images of one size share a compiled program, and small ones are translated in batches. If two
    outputs would have the same name, such as those of `a.jpg` and `a.png` as PNG, the second keeps
    the full name of its input: `a.jpg.png`.

    Args:
        model: A model that translates images.
        source: The file or folder.
        output: The folder to write to, with a page `index.html` that shows all images side by side.
        options: Options.

    Returns:
        The number of files written, and a line for every file that could not be translated.

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
    sizes = {file: header.size for file, header in headers.items()}
    planned = plan(root, output, suffixes, sizes, outputs.channels)
    if planned:
        targets = {pair.output for pair in planned.values()}
        targets |= {picture for pair in planned.values() for _, picture in pair.extra()}
        names = {target.relative_to(output) for target in targets}
        claim(output, {*names, PurePath(PAGE)}, overwrite=options.overwrite, inputs=files)
    written: list[Pair] = []
    with show_progress(what="translating", total=len(planned), unit=" images") as progress:
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
        title = f"{len(written)} images, translated by {model.checkpoint}, {direction}"
        write_page(output, written, title)
    return len(written), failed


def _find(source: Path, output: Path) -> tuple[list[Path], Path]:
    """Return the files to translate, and the folder that their names are relative to.

    Raises:
        UserError: If there are no files to translate, or the output would replace them.
    """
    if not source.exists():
        raise UserError(f"{source} does not exist: pass a file or a folder")
    if not source.is_dir() and not source.is_file():
        raise UserError(f"{source} is a named pipe, socket or device: pass a file or a folder")
    root = source if source.is_dir() else source.parent
    if output.resolve() == root.resolve():
        raise UserError(f"{output} holds the input, which would be lost: choose another --output")
    files = visible_files(source) if source.is_dir() else [source]
    if output.resolve().is_relative_to(root.resolve()):  # skip earlier outputs
        files = [file for file in files if not file.resolve().is_relative_to(output.resolve())]
    if not files:
        raise UserError(f"{source} has no files")
    return files, root


def _batches(headers: Mapping[Path, Header], tile: int) -> Iterator[list[Path]]:
    """Yield batches of files whose images have the same size."""
    in_order = sorted(headers, key=lambda file: headers[file].size)
    for size, group in itertools.groupby(in_order, lambda file: headers[file].size):
        files = list(group)
        many = (
            len(files) >= TRANSLATE_BATCH_SIZE
            and TRANSLATE_BATCH_SIZE * math.prod(size) <= BATCH_PIXELS
        )
        count = TRANSLATE_BATCH_SIZE if many and not tile else 1
        for start in range(0, len(files), count):
            yield files[start : start + count]


def _choose_suffix(
    file: Path, depth: PixelType, source: ImageKind, target: ImageKind, options: Options
) -> str:
    """Return the suffix of the file to write.

    Raises:
        ImageError: If its format cannot store the output, or values of this depth have no known
            range.
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

    If its depth is that of the model's inputs, its translation is written with the depth of the
    model's outputs, otherwise with the depth of the file, and never deeper than the format allows.

    Raises:
        ImageError: If it is not an image of these channels, or its values have no known range or
            are out of range.
    """
    pixels = read_image(file, source.channels, source.nodata, options.max_pixels)
    if pixels.shape[:2] != header.size:
        raise ImageError(f"has {pixels.shape[:2]} pixels, not {header.size} as its header says")
    depth: Any = pixels.dtype.name
    source, target = _as_deep_as(depth, source, target, options)
    pixels = source.convert(pixels)
    source.check_range(pixels)
    supported = deepest(output.suffix.lower(), target.channels)
    assert supported is not None
    written_as = _at_depth(target, min(supported, target.dtype, key=DEPTHS.index), None)
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
        kind: Kind of image.
        depth: New depth.
        value_range: Floats that map to -1 and 1.
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
    """Translate at most `batch_size` images of one size."""
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
