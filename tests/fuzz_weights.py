"""Damaged files of weights, made from a seed, and a program that reads them."""

import io
import json
import pickle
import pickletools
import re
import struct
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np
import safetensors.numpy
from fuzzing import report
from paths import REFERENCE

from jaxgan.errors import UserError
from jaxgan.interop.torch_file import LEGACY_MAGIC, read_tensors, write_tensors

SPACE = 4 * 2**30
DEEP = 100_000  # deep enough to end Python where a value is hashed, compared or printed
NUMBERS = (0, 1, 7, 255, 2**16, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**62, 2**63, 2**64)
SNIPPETS = (
    b"r" + struct.pack("<I", 500_000_000),  # an index of the memo
    b"j" + struct.pack("<I", 500_000_000),
    b"T" + struct.pack("<i", 2**31 - 1),  # lengths
    b"X" + struct.pack("<I", 2**32 - 1),
    b"\x8d" + struct.pack("<Q", 2**63 - 1),
    b"\x8a\xff" + b"\x7f" * 255,
    b"\x8b" + struct.pack("<i", 2**31 - 1),
    b"\x95" + struct.pack("<Q", 2**63 - 1),
    b")" + b"\x85" * DEEP,
    b")" + b"q\x00h\x00\x86" * 60,  # small to hold, 2**60 steps to hash or print
    b"]q\x00h\x00a",  # a list that holds itself
    b"(" * DEEP,
    b"}" * DEEP,
    b"X\x04\x00\x00\x00a\n\x1b\x07",
    b"X\x03\x00\x00\x00\xed\xa0\x80",  # half a surrogate pair
    b"cbuiltins\neval\n",
    b"ccollections\nOrderedDict\n",
    b"ctorch\nFloatStorage\n",
    *(bytes([code]) for code in b"()]}NR\x81bQstuaed0210\x85\x86\x87\x93\x94."),
)


def legacy(pickled, numbers):
    """Return a file as PyTorch wrote it before 1.6: pickles, then the numbers of all storages."""
    parts = [pickle.dumps(LEGACY_MAGIC, 2), pickle.dumps(1001, 2), pickle.dumps({}, 2), pickled]
    parts.append(pickle.dumps(list(numbers), 2))
    for size, content in numbers.values():
        parts += [struct.pack("<q", size), content]
    return b"".join(parts)


def zipped(members, compression=zipfile.ZIP_STORED):
    """Return a zip archive."""
    with io.BytesIO() as buffer:
        with zipfile.ZipFile(buffer, "w", compression) as archive:
            for name, content in members.items():
                archive.writestr(name, content)
        return buffer.getvalue()


def members(content):
    """Return the members of a zip archive."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def make_files():
    """Return good files: members of zip archives, and contents of safetensors files."""
    rng = np.random.default_rng(0)
    tensors = {
        "model.0.weight": rng.normal(size=(4, 3, 2, 2)).astype(np.float32),
        "model.0.bias": rng.normal(size=4).astype(np.float16),
        "model.1.num_batches_tracked": np.array(3, np.int64),
        "empty": np.zeros((0, 3), np.float64),
    }
    with io.BytesIO() as buffer:
        write_tensors(buffer, tensors)
        written = members(buffer.getvalue())
    torch = members((REFERENCE / "D_basic_ndf8_instance.pth").read_bytes())
    return [written, torch], safetensors.numpy.save(tensors)


def damage(rng, files):
    """Return the ending and content of a damaged file."""
    archives, safe = files
    if rng.random() < 0.25:
        damaged = damage_bytes(rng, safe) if rng.random() < 0.4 else damage_header(rng, safe)
        return ".safetensors", damaged
    parts = dict(archives[rng.integers(len(archives))])
    folder = next(name for name in parts if name.endswith("/data.pkl")).removesuffix("data.pkl")
    match rng.integers(6):
        case 0:
            return ".pth", damage_bytes(rng, zipped(parts))
        case 1:
            damage_members(rng, parts)
            compression = zipfile.ZIP_DEFLATED if rng.random() < 0.1 else zipfile.ZIP_STORED
            return ".pth", damage_directory(rng, zipped(parts, compression))
        case 2:
            pickled = damage_bytes(rng, parts[f"{folder}data.pkl"])
        case 3 | 4:
            pickled = damage_opcodes(rng, parts[f"{folder}data.pkl"])
        case 5:
            pickled = parts[f"{folder}data.pkl"]
    parts[f"{folder}data.pkl"] = pickled
    if folder == "archive/" or rng.random() < 0.3:
        return ".pth", zipped(parts)
    keys = [name.removeprefix(f"{folder}data/") for name in parts if f"{folder}data/" in name]
    numbers = {key: parts[f"{folder}data/{key}"] for key in keys}
    content = legacy(pickled, {key: (len(value) // 4, value) for key, value in numbers.items()})
    return ".pth", damage_bytes(rng, content) if rng.random() < 0.5 else content


def damage_bytes(rng, content):
    """Cut, change, add or leave out bytes, most of them at the beginning or end."""
    content = bytearray(content or b"\0")
    edge = min(len(content), 600)
    at = int(rng.choice([rng.integers(edge), len(content) - 1 - rng.integers(edge)]))
    match rng.integers(5):
        case 0:
            del content[at:]
        case 1:
            content[at] = rng.integers(256)
        case 2:
            content[at:at] = rng.bytes(rng.integers(1, 40))
        case 3:
            del content[at : at + rng.integers(1, 40)]
        case 4:
            size = int(rng.choice([2, 4, 8]))
            content[at : at + size] = bytes([rng.choice([0, 127, 255])]) * size
    return bytes(content)


def damage_members(rng, parts):
    """Take a member away, or change its content."""
    name = rng.choice([*parts, *(name for name in parts if "/data/" not in name)])
    match rng.integers(4):
        case 0:
            del parts[name]
        case 1:
            parts[name] = parts[name][: rng.integers(len(parts[name]) + 1)]
        case 2:
            parts[name] = bytes(rng.choice([b"big", b"little", b"", b"middle"]))
        case 3:
            parts[f"{name}/data.pkl"] = parts[name]


def damage_directory(rng, content):
    """Change a field of the zip archive's directory: flags, sizes, offsets, lengths of names."""
    content = bytearray(content)
    entries = [match.start() for match in re.finditer(b"PK\x01\x02", content)]
    if entries and rng.random() < 0.7:
        code, field = [("<H", 8), ("<H", 10), ("<I", 20), ("<I", 24), ("<H", 28), ("<I", 42)][
            rng.integers(6)
        ]
        value = int(rng.choice(NUMBERS[:8])) & (2 ** (8 * struct.calcsize(code)) - 1)
        struct.pack_into(code, content, entries[rng.integers(len(entries))] + field, value)
    return bytes(content)


def damage_opcodes(rng, pickled):
    """Put something before an opcode, in its place, or change the number that it loads."""
    found = list(pickletools.genops(pickled))
    for _ in range(rng.integers(1, 4)):
        if len(found) < 3:
            break
        index = int(rng.integers(1, len(found) - 1))
        start, end = found[index][2], found[index + 1][2]
        match rng.integers(4):
            case 0:
                part = SNIPPETS[rng.integers(len(SNIPPETS))] + pickled[start:end]
            case 1:
                part = SNIPPETS[rng.integers(len(SNIPPETS))]
            case 2:
                part = b""
            case 3:
                numbers = [at for at, (code, *_) in enumerate(found[:-1]) if "INT" in code.name]
                numbers = numbers or [0]
                at = numbers[rng.integers(len(numbers))]
                start, end = found[at][2], found[at + 1][2]
                number = NUMBERS[rng.integers(len(NUMBERS))] * int(rng.choice([1, 1, -1]))
                part = pickle.dumps(number, 2)[2:-1]
        pickled = pickled[:start] + part + pickled[end:]
        try:
            found = list(pickletools.genops(pickled))
        except ValueError:
            break
    return pickled


def damage_header(rng, content):
    """Change the header of a safetensors file."""
    (length,) = struct.unpack("<Q", content[:8])
    header, numbers = json.loads(content[8 : 8 + length]), content[8 + length :]
    entry = header[rng.choice(list(header))]
    number = NUMBERS[rng.integers(len(NUMBERS))]
    match rng.integers(7):
        case 0:
            entry["dtype"] = str(rng.choice(["BF16", "F8_E4M3", "F4", "BOOL", "F64", "X"]))
        case 1:
            entry["shape"] = [number, number][: rng.integers(3)]
        case 2:
            entry["shape"] = [0, number, number]
        case 3:
            entry["data_offsets"] = [0, number]
        case 4:
            header[str(rng.choice(["a\n\x1b", "\ud800", "", "x" * 5000]))] = entry
        case 5:
            entry["shape"] = [[1]]
        case 6:
            header["__metadata__"] = entry
    text = json.dumps(header).encode()
    if rng.random() < 0.1:
        text = b"[" * DEEP
    length = number if rng.random() < 0.1 else len(text)
    return struct.pack("<Q", length % 2**64) + text + numbers


def main(seed, count):
    """Read damaged files; print what came of them."""
    if sys.platform == "linux":  # so that memory which is asked for and not used counts as well
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (SPACE, SPACE))
    files, rng = make_files(), np.random.default_rng(seed)
    outcomes = {"read": 0, "errors": 0, "slowest": 0.0}
    with tempfile.TemporaryDirectory() as folder:
        for index in range(count):
            suffix, content = damage(rng, files)
            file = Path(folder) / f"case{suffix}"
            file.write_bytes(content)
            print(json.dumps({"case": index}), flush=True)  # the last one, if this ends the process
            start = time.monotonic()
            try:
                tensors = read_tensors(file)
            except UserError as error:
                reason = str(error).removeprefix(str(file))
                memory = isinstance(error.__cause__, MemoryError | RecursionError)
                if memory or not reason.isprintable() or len(reason) > 300:
                    raise
                outcomes["errors"] += 1
            else:
                for name, value in tensors.items():
                    assert name.isprintable(), index
                    assert len(value.tobytes()) <= len(content), index
                outcomes["read"] += 1
            outcomes["slowest"] = max(outcomes["slowest"], time.monotonic() - start)
    report(outcomes)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
