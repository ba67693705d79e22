"""Data sets on disk: written once by a TFDS builder, then read by random access.

TFDS is slow to import, so it is imported only when a data set is opened.
"""

import contextlib
import errno
import importlib.util
import io
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from jaxgan.errors import UserError
from jaxgan.files import lock, printable, write_text
from jaxgan.images.files import RawImage
from jaxgan.types import Splits

VERSION = "1.0.0"
README = """\
Images that jaxgan prepared for training. Source: {source}

This folder can be deleted to free disk space. A run that needs it prepares it again.
"""
SHOWN = 5  # entries printed of a long list
# Errors that do not mean that a file is damaged. array_record reports only their text.
BLAMELESS = (errno.EACCES, errno.EPERM, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM)
Examples = Iterator[tuple[str, Mapping[str, RawImage]]]


@dataclass(frozen=True)
class Split:
    """Examples to write, each with an identifier and its images by name."""

    count: int
    examples: Callable[[], Examples]


@dataclass(frozen=True)
class Prepared(Sequence[Any]):
    """Records of a split on disk, with the remedy if they are damaged."""

    source: Sequence[Any]
    remedy: str

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: Any) -> Any:
        """Return a record.

        Raises:
            UserError: If the record is damaged or cannot be read.
        """
        try:
            return self.source[index]
        except MemoryError:
            raise
        except Exception as error:  # readers raise any exception on damaged files
            raise self.damaged(index, error) from error

    def __iter__(self) -> Iterator[Any]:
        return (self[index] for index in range(len(self)))

    def damaged(self, index: int, error: Exception) -> UserError:
        """Return the error to raise if a record cannot be used."""
        return unreadable(f"record {index} of the data", error, self.remedy)


@dataclass(frozen=True)
class Records(Prepared):
    """Records of a split on disk, with a fingerprint that changes with their content."""

    fingerprint: str


def file_format() -> str:
    """Return the format to write: ArrayRecord, or Parquet where array_record has no wheel.

    Both support random access, but Parquet is held entirely in memory.
    """
    return "array_record" if importlib.util.find_spec("array_record") else "parquet"


def write(
    *,
    name: str,
    data_dir: Path,
    image_names: Sequence[str],
    splits: Mapping[str, Split],
    png: bool = True,
    metadata: Mapping[str, Any] | None = None,
) -> None:
    """Write a data set; see `jaxgan.data.builder.ImageBuilder` for the arguments."""
    from jaxgan.data.builder import ImageBuilder

    builder = ImageBuilder(
        name=name,
        data_dir=data_dir,
        image_names=image_names,
        splits=splits,
        png=png,
        metadata=metadata,
    )
    try:
        builder.download_and_prepare()
    except RuntimeError as error:  # from array_record, also for a full disk
        reason, writing, _ = str(error).partition("; writing ")
        if not writing:
            raise
        raise UserError(
            f"cannot write to {data_dir / name} ({reason.rpartition(': ')[2]}): once it can be "
            "written to, run the same command again"
        ) from error


def write_arrays(
    splits: Mapping[str, tuple[UInt8[np.ndarray, "count _ _ 3"], UInt8[np.ndarray, " count"]]],
    data_dir: Path,
    name: str,
) -> None:
    """Write a data set of single images. The class of an image becomes the folder in its id."""

    def examples(split: str) -> Examples:
        for index, (pixels, label) in enumerate(zip(*splits[split], strict=True)):
            yield f"{label}/{index:06}", {"image": pixels}

    write(
        name=name,
        data_dir=data_dir,
        image_names=("image",),
        splits={
            split: Split(len(labels), partial(examples, split))
            for split, (_, labels) in splits.items()
        },
    )


def shorten(texts: Sequence[str], separator: str = "; ") -> str:
    """Join the first few of a list of texts, and the number of the others."""
    more = [f"{len(texts) - SHOWN} more"] if len(texts) > SHOWN else []
    return separator.join([*texts[:SHOWN], *more])


def open_or_prepare(
    build: Callable[[], None],
    data_dir: Path,
    name: str,
    *,
    source: str,
    unused: Sequence[str] | None = None,
) -> Splits:
    """Open a prepared data set and print its description. If it is missing, write it first.

    Args:
        build: Writes the data set.
        data_dir: Folder of all TFDS data sets.
        name: Name of the data set's folder in it.
        source: What it is written from, for the file README.txt in that folder.
        unused: Files and folders of the source that belong to no split; None uses the list that
            was stored when the data set was written.
    """
    directory = data_dir / name / VERSION
    if not directory.exists():  # it gets this name when it is complete
        _prepare(build, data_dir, name, source)
    try:
        splits, metadata = _open(directory)
        lines = _describe(splits, directory, metadata, unused)
    except MemoryError:
        raise
    except Exception as error:  # readers raise any exception on damaged files
        what = f"the prepared data in {directory}"
        raise unreadable(what, error, _remedy(directory)) from error
    print(*lines, sep="\n")
    return splits


def _prepare(build: Callable[[], None], data_dir: Path, name: str, source: str) -> None:
    """Write a data set, or wait for another process that writes it. See `open_or_prepare`."""
    import tensorflow_datasets as tfds

    try:
        str(data_dir).encode()
    except UnicodeEncodeError as error:
        raise UserError(
            f"the name of {str(data_dir)!a} is not UTF-8: choose another folder for prepared "
            "data by --config.data.data_dir=DIR"
        ) from error
    tfds.disable_progress_bar()  # the progress bar of `ImageBuilder` replaces it
    data_dir.mkdir(parents=True, exist_ok=True)
    _remove_unfinished(data_dir)
    busy = partial(print, f"waiting for another process that prepares {data_dir / name}")
    with lock(data_dir / f".{name}.lock", busy):
        if not (data_dir / name / VERSION).exists():
            # TFDS prints sizes that it does not know.
            with contextlib.redirect_stdout(io.StringIO()):
                build()
            folder = data_dir / name
            size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
            write_text(folder / "README.txt", README.format(source=printable(source)))
            print(
                f"data: {size / 1e6:.1f} MB were written to {folder}, which can be deleted after "
                "training; --config.data.data_dir=DIR chooses another place"
            )


def _remove_unfinished(data_dir: Path) -> None:
    """Remove unfinished data sets of killed processes, which are those that are not locked."""

    def skip():
        raise BlockingIOError

    for folder in data_dir.glob(f"*/incomplete.*_{VERSION}"):  # the naming scheme of TFDS
        file = data_dir / f".{folder.parent.name}.lock"
        if file.exists():
            with contextlib.suppress(BlockingIOError), lock(file, skip):
                shutil.rmtree(folder, ignore_errors=True)


def _open(directory: Path) -> tuple[Splits, Mapping[str, Any]]:
    """Return the splits and the metadata of a prepared data set."""
    import tensorflow_datasets as tfds

    builder = tfds.builder_from_directory(directory)
    features = builder.info.features
    assert isinstance(features, tfds.features.FeaturesDict)
    image_names = [name for name in features.keys() if name != "id"]  # noqa: SIM118
    skip = dict.fromkeys(image_names, tfds.decode.SkipDecoding())
    metadata = builder.info.metadata or {}  # version 0.1 wrote only `left_out`
    fingerprints = metadata.get("fingerprints", {})
    splits = {}
    for split, info in builder.info.splits.items():
        if info.num_examples:
            source = builder.as_data_source(split, decoders=skip)  # pyright: ignore[reportCallIssue]
            if len(source) != info.num_examples:
                raise ValueError(f"{len(source)} in place of {info.num_examples} of {split}")
            remedy = _remedy(directory)
            splits[split] = (
                Records(source, remedy, fingerprints[split])
                if split in fingerprints
                else Prepared(source, remedy)
            )
    if missing := fingerprints.keys() - splits.keys():
        raise ValueError(f"{min(missing)} is missing")
    return splits, metadata


def _remedy(directory: Path) -> str:
    return f"delete the folder {directory}, and run the same command again"


def unreadable(what: str, error: Exception, remedy: str) -> UserError:
    """Return the error to raise if prepared data cannot be read."""
    reason = (str(error) or type(error).__name__).splitlines()[0]
    if any(os.strerror(code) in reason for code in BLAMELESS):
        return UserError(f"{what} cannot be read ({reason})")
    return UserError(f"{what} is damaged ({reason}): {remedy}")


def _describe(
    splits: Splits,
    directory: Path,
    metadata: Mapping[str, Any],
    unused: Sequence[str] | None,
) -> list[str]:
    """Return lines that describe how each split was read and which files were left out."""
    read_as = metadata.get("read_as", {})
    counts = ", ".join(
        f"{len(source)} {split}" + (f" ({read_as[split]})" if split in read_as else "")
        for split, source in splits.items()
    )
    lines = [f"data: {counts}, in {directory}"]
    if left_out := list(metadata.get("left_out", ())):
        more = f" (all in {directory / 'metadata.json'})" if len(left_out) > SHOWN else ""
        lines.append(f"data: {len(left_out)} files left out: {shorten(left_out)}{more}")
    lines += [f"warning: {warning}" for warning in metadata.get("warnings", ())]
    unused = metadata.get("unused", ()) if unused is None else unused
    if unused:
        lines.append(f"data: in no split, and not used: {shorten(unused)}")
    return lines
