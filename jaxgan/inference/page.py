"""The page that shows inputs and outputs of a model side by side."""

import os
import string
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from importlib.resources import files as resources
from pathlib import Path, PurePath
from typing import NamedTuple
from urllib.parse import quote

from jaxgan.files import printable, replacing, write_text
from jaxgan.images.pictures import to_picture
from jaxgan.inference.outputs import Names
from jaxgan.types import ImageArray

SHOWN_BY_BROWSERS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif")

PAGE = "index.html"
PARTS = ("input", "output")


class Pair(NamedTuple):
    """An input and an output file, and the pictures that represent them on the page."""

    input: Path
    output: Path
    pictures: tuple[Path, Path]

    def extra(self) -> Iterator[tuple[int, Path]]:
        """Yield index and path of each picture that is not the file itself."""
        for part, picture in enumerate(self.pictures):
            if picture != self[part]:
                yield part, picture


def plan(
    root: Path, output: Path, suffixes: Mapping[Path, str], channels: tuple[int, int]
) -> dict[Path, Pair]:
    """Return the files to write for every input, all with different names.

    Args:
        root: The folder that names of inputs are relative to.
        output: The folder to write to.
        suffixes: Suffix of the output by input.
        channels: Channels of inputs and of outputs.
    """
    relative = {file: file.relative_to(root) for file in suffixes}
    folders = {parent for name in relative.values() for parent in name.parents}
    names = Names({*folders, *("pictures" / folder for folder in folders)})
    targets = {
        file: name
        for file, name in relative.items()
        if file.suffix == suffixes[file] and names.add(name)
    }
    planned: dict[Path, Pair] = {}
    for file, suffix in suffixes.items():
        name = relative[file]
        target = targets.get(file) or names.take(
            name.with_suffix(suffix), name.with_name(name.name + suffix)
        )
        pictures = (
            shown if _is_shown(shown, count) else output / names.take(_picture_name(target, part))
            for part, (shown, count) in enumerate(
                zip((file, output / target), channels, strict=True)
            )
        )
        planned[file] = Pair(file, output / target, (next(pictures), next(pictures)))
    return planned


def write_pictures(pair: Pair, images: tuple[ImageArray, ImageArray]) -> None:
    """Write pictures of the files that browsers cannot show, from their images in [-1, 1]."""
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
    template = resources("jaxgan.inference").joinpath("page.html").read_text("utf-8")
    page = string.Template(template).substitute(title=escape(printable(title)), rows=rows)
    write_text(output / PAGE, page)


def _is_shown(file: PurePath, channels: int) -> bool:
    """Return whether browsers can show a file with this number of channels."""
    return file.suffix.lower() in SHOWN_BY_BROWSERS and channels in (1, 3)


def _picture_name(output: PurePath, part: int) -> PurePath:
    """Return the name of the picture of an input (0) or output (1).

    Args:
        output: Name of the output, relative to the folder of the page.
        part: 0 for the input, 1 for the output.
    """
    return "pictures" / output.with_name(f"{output.name}.{PARTS[part]}.png")
