"""Reads and writes files of PyTorch tensors without PyTorch.

A `.pth` file is a pickle, which may ask to run any code. The reader here knows the few names that a
dictionary of tensors needs and refuses every other.
"""

import io
import pickle
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple

import ml_dtypes
import numpy as np
import safetensors
import safetensors.numpy

from jaxgan.errors import UserError

Tensors = dict[str, np.ndarray]

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C  # PyTorch before 1.6 wrote pickles one after the other
STORAGES = {
    "DoubleStorage": np.dtype(np.float64),
    "FloatStorage": np.dtype(np.float32),
    "HalfStorage": np.dtype(np.float16),
    "BFloat16Storage": np.dtype(ml_dtypes.bfloat16),
    "LongStorage": np.dtype(np.int64),
    "IntStorage": np.dtype(np.int32),
    "ShortStorage": np.dtype(np.int16),
    "CharStorage": np.dtype(np.int8),
    "ByteStorage": np.dtype(np.uint8),
    "BoolStorage": np.dtype(np.bool_),
}


class _Storage(NamedTuple):
    """A run of numbers, by the name under which the file holds them."""

    dtype: np.dtype
    key: str
    size: int


class _Tensor(NamedTuple):
    """A view of a storage."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_tensors(file: Path) -> Tensors:
    """Return the tensors of a state dict, by name, from a `.pth` or `.safetensors` file.

    A prefix `module.` of all names, which DataParallel leaves, is taken off.

    Raises:
        UserError: If the file does not hold tensors by name, or asks for anything else.
    """
    try:
        if file.suffix == ".safetensors":
            tensors = safetensors.numpy.load_file(file)
        else:
            with file.open("rb") as opened:
                is_zip = zipfile.is_zipfile(opened)
                opened.seek(0)
                tensors = _read_zip(opened) if is_zip else _read_legacy(opened)
    except OSError:
        raise
    except Exception as error:  # a damaged pickle can raise anything
        reason = (str(error) or type(error).__name__).splitlines()[0]
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


class _Unpickler(pickle.Unpickler):
    """Builds tensors and ordered dictionaries, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        if module == "torch" and name in STORAGES:
            return STORAGES[name]
        known = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): lambda *view_and_more: _Tensor(
                *view_and_more[:4]
            ),
            ("torch._utils", "_rebuild_parameter"): lambda tensor, *_: tensor,
        }
        if (module, name) not in known:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is no tensor")
        return known[module, name]

    def persistent_load(self, pid: Any) -> _Storage:
        kind, dtype, key, _, size = pid[:5]
        if kind != "storage" or (len(pid) > 5 and pid[5] is not None):
            raise pickle.UnpicklingError("it refers to something that is no storage")
        return _Storage(dtype, str(key), int(size))


def _read_zip(file: IO[bytes]) -> Tensors:
    with zipfile.ZipFile(file) as archive:
        (pickled,) = (name for name in archive.namelist() if name.endswith("/data.pkl"))
        folder = pickled.removesuffix("data.pkl")
        views = dict(_views(_Unpickler(io.BytesIO(archive.read(pickled))).load()))
        numbers: dict[str, np.ndarray] = {}
        for view in views.values():
            dtype, key, _ = view.storage
            if key not in numbers:
                entry = archive.getinfo(f"{folder}data/{key}")
                if entry.compress_type != zipfile.ZIP_STORED:
                    raise ValueError("it is compressed")
                numbers[key] = np.frombuffer(archive.read(entry), dtype.newbyteorder("<"))
    return {name: _array(view, numbers[view.storage.key]) for name, view in views.items()}


def _read_legacy(file: IO[bytes]) -> Tensors:
    if _Unpickler(file).load() != LEGACY_MAGIC:
        raise ValueError("it is no file of PyTorch's")
    for _ in ("version of the format", "the writing machine's sizes"):
        _Unpickler(file).load()
    views = dict(_views(_Unpickler(file).load()))
    dtypes = {view.storage.key: view.storage.dtype for view in views.values()}
    numbers = {}
    for key in _Unpickler(file).load():
        (size,) = struct.unpack("<q", file.read(8))
        dtype = dtypes[key].newbyteorder("<")
        numbers[key] = np.frombuffer(file.read(size * dtype.itemsize), dtype, count=size)
    return {name: _array(view, numbers[view.storage.key]) for name, view in views.items()}


def _views(loaded: Any) -> Iterator[tuple[str, _Tensor]]:
    if isinstance(loaded, dict) and isinstance(loaded.get("state_dict"), dict):
        loaded = loaded["state_dict"]
    if not isinstance(loaded, dict):
        raise ValueError("it holds no dictionary of tensors")
    for name, value in loaded.items():
        if not isinstance(name, str) or not isinstance(value, _Tensor):
            raise ValueError(f"its entry {name} is no tensor")
        yield name, value


def _array(view: _Tensor, numbers: np.ndarray) -> np.ndarray:
    """Return a copy of the part of a storage that a tensor shows."""
    if any(n < 0 for n in (view.offset, *view.shape, *view.strides)):
        raise ValueError("a tensor has a negative size")
    steps = sum((n - 1) * s for n, s in zip(view.shape, view.strides, strict=True))
    if 0 not in view.shape and view.offset + steps >= numbers.size:
        raise ValueError("a tensor is larger than its storage: the file is cut off or damaged")
    strides = [stride * numbers.itemsize for stride in view.strides]
    return np.lib.stride_tricks.as_strided(numbers[view.offset :], view.shape, strides).copy()


def _pickle(tensors: Mapping[str, np.ndarray]) -> bytes:
    """Return a dictionary of tensors as PyTorch pickles it, opcode by opcode (protocol 2)."""

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
