"""The page that shows what went into a model and what came out."""

import os
import string
from collections.abc import Sequence
from html import escape
from importlib.resources import files as resources
from pathlib import Path
from typing import NamedTuple

from jaxgan.files import write_text
from jaxgan.images import to_picture
from jaxgan.types import ImageArray

SHOWN_BY_BROWSERS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif")


class Pair(NamedTuple):
    """Two files, and the pictures that stand for them on the page."""

    input: Path
    output: Path
    pictures: tuple[Path, Path]


def show(output: Path, files: tuple[Path, Path], images: tuple[ImageArray, ImageArray]) -> Pair:
    """Return a pair for the page; a picture is written of what browsers do not show.

    Args:
        output: Folder of the page.
        files: Files of input and output.
        images: What they hold, in [-1, 1].
    """
    pictures = []
    for part, file, image in zip(("input", "output"), files, images, strict=True):
        if file.suffix.lower() in SHOWN_BY_BROWSERS and image.shape[-1] in (1, 3):
            pictures.append(file)
            continue
        name = files[1].relative_to(output)
        picture = output / "pictures" / name.with_name(f"{name.name}.{part}.png")
        picture.parent.mkdir(parents=True, exist_ok=True)
        to_picture(image).save(picture)
        pictures.append(picture)
    return Pair(*files, (pictures[0], pictures[1]))


def write_page(output: Path, pairs: Sequence[Pair], title: str) -> None:
    """Write `index.html` into a folder."""

    def cell(file: Path) -> str:
        link = escape(os.path.relpath(file.absolute(), output.absolute()), quote=True)
        return f'<td><img src="{link}" loading="lazy"></td>'

    rows = "\n".join(
        f"<tr><td>{escape(pair.output.name)}</td>{''.join(map(cell, pair.pictures))}</tr>"
        for pair in sorted(pairs)
    )
    template = resources("jaxgan").joinpath("translations.html").read_text("utf-8")
    page = string.Template(template).substitute(title=escape(title), rows=rows)
    write_text(output / "index.html", page)
