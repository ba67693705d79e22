"""The page that shows inputs and outputs of a model side by side."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from jaxgan.files import replacing, write_text
from jaxgan.images.pictures import to_picture
from jaxgan.inference.outputs import Names
from jaxgan.pages.template import as_text, fill
from jaxgan.types import ImageArray

LARGEST = 512  # width and height of a picture on the page, in pixels
SHOWN_BY_BROWSERS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif")

PAGE = "index.html"
PARTS = ("input", "output")


class Pair(NamedTuple):
    """An output file, and the pictures of its input and of itself on the page.

    Attributes:
        output: The output file.
        pictures: Pictures of the input and of the output, which may be the output file.
        size: Height and width of the images.
        is_shown: Whether browsers can show the output file.
    """

    output: Path
    pictures: tuple[Path, Path]
    size: tuple[int, int]
    is_shown: bool

    def extra(self) -> Iterator[tuple[int, Path]]:
        """Yield index and path of each picture that is not the output file."""
        for part, picture in enumerate(self.pictures):
            if picture != self.output:
                yield part, picture


def plan(
    root: Path,
    output: Path,
    suffixes: Mapping[Path, str],
    sizes: Mapping[Path, tuple[int, int]],
    channels: int,
) -> dict[Path, Pair]:
    """Return the files to write for every input, all with different names.

    Pictures are part of the output folder, so that it can be moved. A picture is a PNG file with
    all pixels, or a smaller JPEG file if the image is large.

    Args:
        root: The folder that names of inputs are relative to.
        output: The folder to write to.
        suffixes: Suffix of the output by input.
        sizes: Height and width by input.
        channels: Channels of outputs.
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
        is_shown = target.suffix.lower() in SHOWN_BY_BROWSERS and channels in (1, 3)
        is_large = max(sizes[file]) > LARGEST
        suffix = ".jpg" if is_large else ".png"
        as_input, as_output = (
            "pictures" / target.with_name(f"{target.name}.{part}{suffix}") for part in PARTS
        )
        pictures = (
            output / names.take(as_input),
            output / (target if is_shown and not is_large else names.take(as_output)),
        )
        planned[file] = Pair(output / target, pictures, sizes[file], is_shown)
    return planned


def write_pictures(pair: Pair, images: tuple[ImageArray, ImageArray]) -> None:
    """Write the pictures of a pair from its images in [-1, 1]."""
    for part, file in pair.extra():
        picture = to_picture(images[part])
        picture.thumbnail((LARGEST, LARGEST))
        file.parent.mkdir(parents=True, exist_ok=True)
        with replacing(file) as opened:
            picture.save(opened, "jpeg" if file.suffix == ".jpg" else "png", quality=90)


def write_page(output: Path, pairs: Sequence[Pair], title: str) -> None:
    """Write `index.html` into a folder."""
    page = fill(
        "translations",
        title=as_text(title),
        pairs="\n".join(_figure(output, pair) for pair in sorted(pairs)),
    )
    write_text(output / PAGE, page)


def _figure(output: Path, pair: Pair) -> str:
    """Return the HTML of a pair on the page in a folder."""

    def link(file: Path) -> str:
        return quote(os.fsencode(file.relative_to(output).as_posix()))

    name = as_text(str(pair.output.relative_to(output)))
    height, width = pair.size
    size = f'width="{width}" height="{height}" loading="lazy"'
    pixels = ' class="pixels"' if max(pair.size) < 128 else ""
    whole = f' data-whole="{link(pair.output)}"' if pair.is_shown else ""
    shown, made = map(link, pair.pictures)
    return (
        '<li><figure><button type="button" class="image">'
        f'<img src="{shown}" alt="input of {name}" {size}{pixels}>'
        f'<img src="{made}" alt="output {name}" {size}{pixels}{whole}></button>'
        f'<figcaption><span>{name}</span> <a href="{link(pair.output)}">Open</a></figcaption>'
        "</figure></li>"
    )
