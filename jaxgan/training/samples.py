"""The sample grids of a run: one PNG file per step, which also holds where its images are."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngImageFile, PngInfo

from jaxgan.files import replacing
from jaxgan.images.pictures import grid
from jaxgan.types import ImageArray

LAYOUT = "jaxgan.layout"  # a text in the file


def write_sample(
    workdir: Path, step: int, columns: Mapping[str, Sequence[ImageArray]]
) -> Image.Image:
    """Write a grid of images, one column per name, and return its picture."""
    picture, boxes = grid(list(columns.values()))
    info = PngInfo()
    layout = {"size": picture.size, "columns": list(columns), "boxes": boxes}
    info.add_text(LAYOUT, json.dumps(layout))
    with replacing(workdir / "samples" / f"step_{step:08}.png") as opened:
        picture.save(opened, "png", pnginfo=info)
    return picture


def find_samples(workdir: Path) -> Iterator[tuple[int, Path]]:
    """Yield steps and sample grids of a run in order, without files that have other names."""
    for file in sorted((workdir / "samples").iterdir()):
        if match := re.fullmatch(r"step_(\d{8,19})\.png", file.name, re.ASCII):
            yield int(match[1]), file


def read_layout(file: Path) -> Any:
    """Return the layout of a sample grid as JSON, or None if it has none or is damaged.

    Files of version 0.1 have none: their headings are part of the picture.
    """
    try:
        with PngImageFile(file) as picture:  # reads no pixels, so the number does not matter
            layout = json.loads(picture.info[LAYOUT])
        return layout if _is_layout(layout) else None
    except (OSError, SyntaxError, ValueError, LookupError, TypeError, RecursionError):
        return None


def _is_layout(layout: Any) -> bool:
    """Return whether JSON is a layout, with as many boxes in every row as there are columns."""
    boxes, columns = layout["boxes"], layout["columns"]
    numbers = [*layout["size"], *(number for row in boxes for box in row for number in box)]
    return (
        all(type(number) is int for number in numbers)
        and all(isinstance(name, str) for name in columns)
        and all(len(row) == len(columns) and all(len(box) == 4 for box in row) for row in boxes)
    )
