"""Translates files of images with a trained model."""

import itertools
import os
import string
from collections.abc import Iterator, Sequence
from html import escape
from importlib.resources import files as resources
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError
from tqdm import tqdm

from jaxgan.data.folder import visible_files
from jaxgan.errors import UserError
from jaxgan.files import write_text
from jaxgan.images import ImageError, read_rgb, to_picture
from jaxgan.model import BATCH_SIZE, Model

FORMATS = ("png", "jpg", "webp", "tiff")
WRITABLE = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp")


def translate_files(
    model: Model, source: Path, output: Path, direction: str | None, format: str | None
) -> tuple[int, list[str]]:
    """Translate a file, or every image below a folder, under the same names and sizes.

    Images of one size are translated together, with one compilation for every size.

    Args:
        model: A model that translates images.
        source: The file or folder.
        output: The folder to write to, with a page `index.html` that shows all side by side.
        direction: `ab` or `ba` for a CycleGAN; None for the first that the model has.
        format: Ending of the files to write; None keeps that of the input where it can be written,
            and else takes png.

    Returns:
        How many were written, and a line for every file that could not be read.

    Raises:
        UserError: If there are no files, or the model does not translate in this direction.
    """
    direction = model.choose_direction(direction)
    if not source.exists():
        raise UserError(f"there is no file or folder {source}")
    root = source if source.is_dir() else source.parent
    files = visible_files(source) if source.is_dir() else [source]
    if not files:
        raise UserError(f"{source} has no files")
    if output.resolve() == root.resolve():
        raise UserError(f"{output} holds the input, which would be lost: choose another --output")
    sizes, skipped = _sizes(files)
    written: dict[Path, Path] = {}
    with tqdm(total=len(sizes), desc="translating", unit=" images") as progress:
        in_order = sorted(sizes, key=lambda file: sizes[file])
        for _, group in itertools.groupby(in_order, lambda file: sizes[file]):
            for batch in _batches(group):
                images, read = [], []
                for file in batch:
                    try:
                        images.append(np.asarray(read_rgb(file), np.float32) / 127.5 - 1)
                    except ImageError as error:
                        skipped.append(f"{file}: {error}")
                    else:
                        read.append(file)
                progress.update(len(batch))
                if not read:
                    continue
                for file, image in zip(
                    read, model.translate(np.stack(images), direction), strict=True
                ):
                    target = _target(output, file.relative_to(root), format)
                    if target in written.values():  # another format of the same name
                        target = target.with_name(f"{file.name}{target.suffix}")
                    target.parent.mkdir(parents=True, exist_ok=True)
                    to_picture(image).save(target)
                    written[file] = target
    if written:
        _write_page(output, written, f"{model.checkpoint}, {direction}")
    return len(written), skipped


def _sizes(files: Sequence[Path]) -> tuple[dict[Path, tuple[int, int]], list[str]]:
    """Return upright height and width of files from their headers, and those without one."""
    sizes, skipped = {}, []
    for file in files:
        try:
            with Image.open(file) as image:
                width, height = image.size
                turned = image.getexif().get(0x0112, 1) >= 5  # the tag of orientation
                sizes[file] = (width, height) if turned else (height, width)
        except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
            reason = "not an image" if isinstance(error, UnidentifiedImageError) else str(error)
            skipped.append(f"{file}: {reason}")
    return sizes, skipped


def _batches(files: Iterator[Path]) -> Iterator[list[Path]]:
    while batch := list(itertools.islice(files, BATCH_SIZE)):
        yield batch


def _target(output: Path, name: Path, format: str | None) -> Path:
    if format is None:
        format = "" if name.suffix.lower() in WRITABLE else "png"
    return output / (name.with_suffix(f".{format}") if format else name)


def _write_page(output: Path, written: dict[Path, Path], title: str) -> None:
    def link(file: Path) -> str:
        return escape(os.path.relpath(file.absolute(), output.absolute()), quote=True)

    rows = "\n".join(
        f'<tr><td>{escape(target.name)}</td><td><img src="{link(file)}" loading="lazy"></td>'
        f'<td><img src="{link(target)}" loading="lazy"></td></tr>'
        for file, target in sorted(written.items())
    )
    template = resources("jaxgan").joinpath("translations.html").read_text("utf-8")
    page = string.Template(template).substitute(title=escape(title), rows=rows)
    write_text(output / "index.html", page)
