"""Reads and writes files of PyTorch tensors without PyTorch.

A `.pth` file contains a pickle, which can run arbitrary code when loaded, and may be damaged. This
reader runs no code, and its memory use is a small multiple of the file size.
"""

import io
import math
import pickle
import struct
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import safetensors
import safetensors.numpy

from jaxgan.errors import UserError
from jaxgan.interop.torch_pickle import STORAGES, View, load

Tensors = dict[str, np.ndarray]

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C  # PyTorch before 1.6 wrote a sequence of pickles
MAX_NAME = 1000
MAX_REASON = 200
BYTE_ORDERS: dict[bytes, Literal["<", ">"]] = {b"little": "<", b"big": ">"}


def read_tensors(file: Path) -> Tensors:
    """Return the tensors of a state dict, by name, from a `.pth` or `.safetensors` file.

    A prefix `module.` of all names, which DataParallel adds, is removed.

    Raises:
        UserError: If the file does not contain a dictionary of tensors, or contains anything else.
    """
    try:
        if file.suffix == ".safetensors":
            tensors = _read_safetensors(file)
        else:
            content = file.read_bytes()
            is_zip = zipfile.is_zipfile(io.BytesIO(content))
            tensors = _read_zip(content) if is_zip else _read_legacy(content)
        for name in tensors:
            if not name.isprintable() or len(name) > MAX_NAME:
                raise ValueError("the name of a tensor is too long or not printable")
    except OSError:
        raise
    except Exception as error:  # a damaged file can raise anything
        reason = (str(error) or type(error).__name__).splitlines()[0]
        reason = reason.encode("unicode_escape").decode()[:MAX_REASON]
        raise UserError(f"{file} cannot be read as PyTorch's tensors: {reason}") from error
    if not tensors:
        raise UserError(f"{file} holds no tensors")
    if all(name.startswith("module.") for name in tensors):
        tensors = {name.removeprefix("module."): value for name, value in tensors.items()}
    return tensors


def write_tensors(file: Path | io.BufferedIOBase, tensors: Mapping[str, np.ndarray]) -> None:
    """Write tensors as a state dict that `torch.load(..., weights_only=True)` reads."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("archive/data.pkl", _pickle(tensors))
        archive.writestr("archive/byteorder", "little")
        for key, tensor in enumerate(tensors.values()):
            little = tensor.astype(tensor.dtype.newbyteorder("<"))
            archive.writestr(f"archive/data/{key}", little.tobytes())
        archive.writestr("archive/version", "3\n")


def _read_safetensors(file: Path) -> Tensors:
    try:
        return safetensors.numpy.load_file(file)
    except (AttributeError, KeyError) as error:
        raise ValueError("NumPy lacks a type of its numbers: save them as float32") from error


def _read_zip(content: bytes) -> Tensors:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = {entry.filename: entry for entry in archive.infolist()}
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries.values()):
            raise ValueError("it is compressed, which PyTorch's files are not")
        if sum(entry.file_size for entry in entries.values()) > len(content):
            raise ValueError("its parts are larger than the file")
        pickled = [name for name in entries if name.endswith("/data.pkl")]
        if len(pickled) != 1:
            raise ValueError("it is a zip archive without tensors")
        folder = pickled[0].removesuffix("data.pkl")
        named = archive.read(f"{folder}byteorder") if f"{folder}byteorder" in entries else b"little"
        if named not in BYTE_ORDERS:
            raise ValueError("its byteorder is neither little nor big")
        loaded, _ = load(io.BytesIO(archive.read(pickled[0])))
        views = dict(_views(loaded))
        storages = {view.storage for view in views.values()}
        numbers = {
            key: _numbers(archive.read(f"{folder}data/{key}"), dtype, BYTE_ORDERS[named])
            for key, dtype in storages
        }
    return {name: _array(view, numbers[view.storage.key]) for name, view in views.items()}


def _read_legacy(content: bytes) -> Tensors:
    file = io.BytesIO(content)
    if load(file)[0] != LEGACY_MAGIC:
        raise ValueError("it is not a file of PyTorch")
    for _ in ("version of the format", "the writing machine's sizes"):
        load(file)
    loaded, storages = load(file)
    views = dict(_views(loaded))
    dtypes = {storage.key: storage.dtype for storage in storages}
    numbers = {}
    keys, _ = load(file)
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise ValueError("it does not list its storages")
    for key in keys:
        (size,) = struct.unpack("<q", file.read(8))
        end = file.tell() + size * dtypes[key].itemsize
        if size < 0 or end > len(content):
            raise ValueError("it is cut off or damaged")
        # PyTorch writes these in little-endian order on every machine.
        numbers[key] = _numbers(memoryview(content)[file.tell() : end], dtypes[key], "<")
        file.seek(end)
    return {name: _array(view, numbers[view.storage.key]) for name, view in views.items()}


def _numbers(
    content: bytes | memoryview, dtype: np.dtype, byte_order: Literal["<", ">"]
) -> np.ndarray:
    return np.frombuffer(content, dtype.newbyteorder(byte_order)).astype(dtype, copy=False)


def _views(loaded: Any) -> Iterator[tuple[str, View]]:
    if isinstance(loaded, dict) and isinstance(loaded.get("state_dict"), dict):
        loaded = loaded["state_dict"]
    if not isinstance(loaded, dict):
        raise ValueError("it does not hold a dictionary of tensors")
    for name, value in loaded.items():
        if not isinstance(name, str) or not isinstance(value, View):
            raise ValueError(f"its entry {name} is not a tensor")
        yield name, value


def _array(view: View, numbers: np.ndarray) -> np.ndarray:
    """Return a tensor as a read-only view of its storage."""
    if any(n < 0 for n in (view.offset, *view.shape, *view.strides)):
        raise ValueError("a tensor has a negative size")
    steps = sum((n - 1) * s for n, s in zip(view.shape, view.strides, strict=True))
    if 0 not in view.shape and view.offset + steps >= numbers.size:
        raise ValueError("a tensor is larger than its storage: the file is cut off or damaged")
    if math.prod(view.shape) > numbers.size:
        raise ValueError("a tensor repeats the numbers of its storage, as no network's weights do")
    strides = [stride * numbers.itemsize for stride in view.strides]
    part = numbers[view.offset :]
    return np.lib.stride_tricks.as_strided(part, view.shape, strides, writeable=False)


def _pickle(tensors: Mapping[str, np.ndarray]) -> bytes:
    """Return a dictionary of tensors pickled as PyTorch does (protocol 2)."""

    def text(value: str) -> bytes:
        encoded = value.encode()
        return pickle.BINUNICODE + struct.pack("<I", len(encoded)) + encoded

    def number(value: int) -> bytes:
        return pickle.BININT + struct.pack("<i", value)

    def named(module: str, name: str) -> bytes:
        return pickle.GLOBAL + f"{module}\n{name}\n".encode()

    def group(*parts: bytes) -> bytes:
        return pickle.MARK + b"".join(parts) + pickle.TUPLE

    ordered_dict = named("collections", "OrderedDict") + pickle.EMPTY_TUPLE + pickle.REDUCE
    names = {dtype: name for name, dtype in STORAGES.items()}
    items = b""
    for key, (name, tensor) in enumerate(tensors.items()):
        strides = np.cumprod((1, *tensor.shape[:0:-1]))[::-1] if tensor.ndim else ()
        kind = named("torch", names[tensor.dtype])
        storage = group(text("storage"), kind, text(str(key)), text("cpu"), number(tensor.size))
        view = group(
            storage + pickle.BINPERSID,
            number(0),
            group(*map(number, tensor.shape)),
            group(*(number(int(stride)) for stride in strides)),
            pickle.NEWFALSE,
            ordered_dict,
        )
        items += text(name) + named("torch._utils", "_rebuild_tensor_v2") + view + pickle.REDUCE
    return (
        pickle.PROTO + b"\x02" + ordered_dict + pickle.MARK + items + pickle.SETITEMS + pickle.STOP
    )
