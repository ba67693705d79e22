"""Which sources of images fit which data set."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jaxgan.errors import UserError
from jaxgan.types import Splits

# The sources of jaxgan, by the name of the data set that they fit.
SOURCES = {
    "Paired": ("PairedFolder", "Pix2pixDownload", "ProceduralFacades"),
    "Unpaired": ("UnpairedFolder", "CycleGANDownload", "UnpairedFacades"),
    "Unconditional": (
        *("ImageFolder", "CelebA", "CIFAR10", "FashionMNIST", "TFDSImages", "FacadePictures"),
    ),
}


def check_source(kind: str, source: Any) -> None:
    """Check that a source is not one of jaxgan for another data set than `kind`.

    Raises:
        UserError: If it is; the message names the sources that fit.
    """
    bases = [base for base in type(source).__mro__ if base.__module__.startswith("jaxgan.")]
    names = {base.__name__ for base in bases}
    for other, sources in SOURCES.items():
        if other != kind and names & set(sources):
            raise UserError(
                f"{type(source).__name__} is a source of {other} data and does not fit {kind}: use "
                f"{other}, or one of {', '.join(SOURCES[kind])}"
            )


def prepare_source(source: Any, data_dir: Path, splits: Sequence[str]) -> Splits:
    """Prepare a source, and check that it has the splits that are trained on.

    Raises:
        UserError: If it has not, or there are no images to be had.
    """
    prepared = source.prepare(data_dir)
    if missing := [split for split in splits if split not in prepared]:
        raise UserError(
            f"{type(source).__name__} has no split {missing[0]}, which is trained on: there are "
            f"{', '.join(prepared) or 'none'}"
        )
    return prepared
