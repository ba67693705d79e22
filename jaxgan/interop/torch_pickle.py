"""Reads the pickles in PyTorch's files opcode by opcode, without running code.

Python's unpickler trusts the file: a large memo index allocates a large table, and deeply nested
keys take long to hash. Here, `MAX_OPCODES` and the size of the file bound memory and time.
"""

import io
import pickletools
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np

MAX_OPCODES = 1_000_000  # PyTorch writes about 30 per tensor
MAX_ARGUMENTS = 64  # of a call, and axes of a tensor, which is NumPy's limit too
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


class Storage(NamedTuple):
    """A flat array of numbers, and its key in the file."""

    key: str
    dtype: np.dtype


class View(NamedTuple):
    """A tensor: a view of a storage."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def load(file: io.BytesIO) -> tuple[Any, list[Storage]]:
    """Return the content of the next pickle in a file, and the storages that it refers to.

    Tensors are returned as `View`s. Attributes of objects are ignored.

    Raises:
        ValueError: If the pickle is damaged, or uses features that a dictionary of tensors does not
            need.
    """
    try:
        return _load(file)
    except (IndexError, KeyError, TypeError) as error:
        raise ValueError("its pickle is damaged") from error


def _load(file: io.BytesIO) -> tuple[Any, list[Storage]]:
    stack: list[Any] = []
    below: list[list[Any]] = []  # the parts of the stack below each mark
    memo: dict[Any, Any] = {}
    storages: dict[str, Storage] = {}

    def items() -> list[Any]:
        """Pop all values above the last mark."""
        nonlocal stack
        above, stack = stack, below.pop()
        return above

    for count, (opcode, argument, _) in enumerate(pickletools.genops(file)):
        if count == MAX_OPCODES:
            raise ValueError(f"its pickle has more than {MAX_OPCODES} opcodes")
        match opcode.name:
            case "PROTO" | "FRAME":
                pass
            case "STOP":
                return stack.pop(), list(storages.values())
            case "BININT" | "BININT1" | "BININT2" | "LONG1" | "BINFLOAT":
                stack.append(argument)
            case "BINUNICODE" | "SHORT_BINUNICODE" | "BINSTRING" | "SHORT_BINSTRING":
                stack.append(argument)
            case "NONE" | "NEWTRUE" | "NEWFALSE":
                stack.append(None if opcode.name == "NONE" else opcode.name == "NEWTRUE")
            case "EMPTY_TUPLE":
                stack.append(())
            case "EMPTY_LIST":
                stack.append([])
            case "EMPTY_DICT":
                stack.append({})
            case "MARK":
                below.append(stack)
                stack = []
            case "TUPLE":
                content = items()
                stack.append(tuple(content))
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                content = [stack.pop() for _ in range(int(opcode.name[-1]))]
                stack.append(tuple(reversed(content)))
            case "APPEND":
                value = stack.pop()
                _extend(stack[-1], [value])
            case "APPENDS":
                content = items()
                _extend(stack[-1], content)
            case "SETITEM":
                value, key = stack.pop(), stack.pop()
                _update(stack[-1], [key, value])
            case "SETITEMS":
                content = items()
                _update(stack[-1], content)
            case "BINPUT" | "LONG_BINPUT":
                memo[argument] = stack[-1]
            case "MEMOIZE":
                memo[len(memo)] = stack[-1]
            case "BINGET" | "LONG_BINGET":
                stack.append(memo[argument])
            case "GLOBAL":
                stack.append(_named(str(argument)))
            case "STACK_GLOBAL":
                name, module = stack.pop(), stack.pop()
                if not isinstance(name, str) or not isinstance(module, str):
                    raise TypeError
                stack.append(_named(f"{module} {name}"))
            case "BINPERSID":
                storage = _storage(stack.pop())
                if storages.setdefault(storage.key, storage) != storage:
                    raise ValueError("its tensors read the same numbers as different types")
                stack.append(storage)
            case "REDUCE":
                arguments, function = stack.pop(), stack.pop()
                stack.append(_call(function, arguments))
            case "BUILD":
                stack.pop()
            case name:
                raise ValueError(f"its pickle has the opcode {name}, which no tensor needs")
    raise ValueError("its pickle is cut off")


def _ordered_dict(items: Any = None) -> dict:
    """Return a dictionary from a list of items, as Python 2 pickles it."""
    result: dict = {}
    if items is not None:
        if not isinstance(items, list):
            raise TypeError
        for item in items:
            if not isinstance(item, list | tuple) or len(item) != 2:
                raise TypeError
            _update(result, list(item))
        items.clear()  # else many dictionaries of one list could exceed the size of the file
    return result


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> View:
    if not isinstance(storage, Storage) or not len(shape) == len(strides) <= MAX_ARGUMENTS:
        raise TypeError
    if any(type(number) is not int for number in (offset, *shape, *strides)):
        raise TypeError
    return View(storage, offset, tuple(shape), tuple(strides))


def _parameter(tensor: Any, *_: Any) -> Any:
    return tensor


NAMES = {
    "collections OrderedDict": _ordered_dict,
    "torch._utils _rebuild_tensor_v2": _tensor,
    "torch._utils _rebuild_parameter": _parameter,
    **{f"torch {name}": dtype for name, dtype in STORAGES.items()},
}


def _named(name: str) -> Any:
    if name not in NAMES:
        raise ValueError(f"it asks for {name.replace(' ', '.')}, which is not a tensor")
    return NAMES[name]


def _call(function: Any, arguments: Any) -> Any:
    """Call one of the functions above; no other object in a pickle is callable."""
    if not isinstance(arguments, tuple) or len(arguments) > MAX_ARGUMENTS:
        raise TypeError
    return function(*arguments)


def _storage(name: Any) -> Storage:
    if not isinstance(name, tuple) or not 5 <= len(name) <= 6:
        raise TypeError
    kind, dtype, key, *_ = name
    if kind != "storage" or name[5:] not in [(), (None,)]:
        raise ValueError("it refers to something that is not a storage")
    if not isinstance(dtype, np.dtype) or not isinstance(key, str):
        raise TypeError
    return Storage(key, dtype)


def _extend(target: Any, values: list[Any]) -> None:
    if not isinstance(target, list):
        raise TypeError
    target.extend(values)


def _update(target: Any, items: list[Any]) -> None:
    """Set items of a dictionary, given as alternating keys and values."""
    keys, values = items[::2], items[1::2]
    if not isinstance(target, dict) or len(keys) != len(values):
        raise TypeError
    for key in keys:  # keys of other types can take long to hash
        if not isinstance(key, str) and not (type(key) is int and abs(key) < 2**63):
            raise ValueError("a key of its dictionaries is neither text nor a number")
    target.update(zip(keys, values, strict=True))
