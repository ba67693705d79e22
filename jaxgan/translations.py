"""The page that shows what went into a model and what came out."""

import os
import string
from collections.abc import Iterator, Sequence
from html import escape
from importlib.resources import files as resources
from pathlib import Path, PurePath
from typing import NamedTuple
from urllib.parse import quote

from jaxgan.files import printable, replacing, write_text
from jaxgan.images import to_picture
from jaxgan.types import ImageArray

SHOWN_BY_BROWSERS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif")


PAGE = "index.html"
PARTS = ("input", "output")


class Pair(NamedTuple):
    """Two files, and the pictures that stand for them on the page."""

    input: Path
    output: Path
    pictures: tuple[Path, Path]

    def extra(self) -> Iterator[tuple[int, Path]]:
        """Yield which of the two files has a picture of its own, and that."""
        for part, picture in enumerate(self.pictures):
            if picture != self[part]:
                yield part, picture


def is_shown(file: PurePath, channels: int) -> bool:
    """Return whether browsers show a file of so many channels."""
    return file.suffix.lower() in SHOWN_BY_BROWSERS and channels in (1, 3)


def picture_name(output: PurePath, part: int) -> PurePath:
    """Return the name of the picture that is made of an input (0) or output (1).

    Args:
        output: Name of the output, below the folder of the page.
        part: Which of the two.
    """
    return "pictures" / output.with_name(f"{output.name}.{PARTS[part]}.png")


def write_pictures(pair: Pair, images: tuple[ImageArray, ImageArray]) -> None:
    """Write the pictures of files that browsers do not show, from what these hold in [-1, 1]."""
    for part, picture in pair.extra():
        picture.parent.mkdir(parents=True, exist_ok=True)
        with replacing(picture) as opened:
            to_picture(images[part]).save(opened, "png")


def write_page(output: Path, pairs: Sequence[Pair], title: str) -> None:
    """Write `index.html` into a folder."""

    def cell(file: Path) -> str:
        path = Path(os.path.relpath(file.absolute(), output.absolute()))
        return f'<td><img src="{quote(os.fsencode(path.as_posix()))}" loading="lazy"></td>'

    rows = "\n".join(
        f"<tr><td>{escape(printable(pair.output.name))}</td>"
        f"{''.join(map(cell, pair.pictures))}</tr>"
        for pair in sorted(pairs)
    )
    template = resources("jaxgan").joinpath("translations.html").read_text("utf-8")
    page = string.Template(template).substitute(title=escape(printable(title)), rows=rows)
    write_text(output / PAGE, page)
