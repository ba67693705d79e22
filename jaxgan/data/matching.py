"""Checks that a source of images fits a data set."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jaxgan.errors import UserError
from jaxgan.types import Splits

# The sources in jaxgan, by the name of the data set that they fit.
SOURCES = {
    "Paired": ("PairedFolder", "Pix2pixDownload", "ProceduralFacades"),
    "Unpaired": ("UnpairedFolder", "CycleGANDownload", "UnpairedFacades"),
    "Unconditional": (
        *("ImageFolder", "CelebA", "CIFAR10", "FashionMNIST", "TFDSImages", "FacadePictures"),
    ),
}


def check_source(kind: str, source: Any) -> None:
    """Check that a source is not a jaxgan source for a data set other than `kind`.

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
    """Prepare a source, and check that it has the splits needed for training.

    Raises:
        UserError: If a split is missing, or the images are not available.
    """
    prepared = source.prepare(data_dir)
    if missing := [split for split in splits if split not in prepared]:
        raise UserError(
            f"{type(source).__name__} has no split {missing[0]}, which is trained on: there are "
            f"{', '.join(prepared) or 'none'}"
        )
    return prepared
