"""Files of PyTorch and safetensors, read without either, and nothing in them run."""

import io
import pickle
import struct
import tracemalloc
import zipfile
from pathlib import Path

import fuzz_weights
import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy
from paths import REFERENCE

from jaxgan.errors import UserError
from jaxgan.interop.torch_file import LEGACY_MAGIC, read_tensors, write_tensors


def test_safetensors_are_read(tmp_path):
    tensors = read_tensors(REFERENCE / "dcgan_net_G.pth")
    safetensors.numpy.save_file(
        {name: np.ascontiguousarray(value) for name, value in tensors.items()},
        tmp_path / "netG.safetensors",
    )
    again = read_tensors(tmp_path / "netG.safetensors")
    for name, value in tensors.items():
        np.testing.assert_array_equal(again[name], value)


def parts(tensors):
    """Return the members of a file."""
    with io.BytesIO() as buffer:
        write_tensors(buffer, tensors)
        return fuzz_weights.members(buffer.getvalue())


def legacy(tensors, pickled=None):
    """Return a file of PyTorch before 1.6."""
    members = parts(tensors)
    numbers = {
        str(key): (value.size, members[f"archive/data/{key}"])
        for key, value in enumerate(tensors.values())
    }
    return fuzz_weights.legacy(pickled or members["archive/data.pkl"], numbers)


def test_files_of_old_versions_are_read(tmp_path):
    tensors = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.array(7, np.int64)}
    (tmp_path / "old.pth").write_bytes(legacy(tensors))
    again = read_tensors(tmp_path / "old.pth")
    for name, value in tensors.items():
        np.testing.assert_array_equal(again[name], value)
        assert again[name].dtype == value.dtype


def pick(name, shape, strides, key="0", kind="FloatStorage"):
    """Return the opcodes of a name and its tensor."""

    def group(numbers):
        return b"(" + b"".join(b"J" + struct.pack("<i", number) for number in numbers) + b"t"

    return (
        b"X%c\0\0\0%sctorch._utils\n_rebuild_tensor_v2\n((" % (len(name), name.encode())
        + b"U\x07storagectorch\n%s\nU\x01%sU\x03cpuK\0tQ" % (kind.encode(), key.encode())
        + b"K\0" + group(shape) + group(strides) + b"\x89ccollections\nOrderedDict\n]\x85RtR"
    )  # fmt: skip


@pytest.mark.parametrize("zipped", [True, False])
def test_checkpoints_with_an_optimizer_are_read(tmp_path, zipped):
    """As Python 2 pickled them, too: short strings, and ordered dictionaries made of lists."""
    tensors = {"a": np.arange(6, dtype=np.float32), "other": np.ones(2, np.float32)}
    state = b"ccollections\nOrderedDict\n](](" + pick("module.a", (2, 3), (3, 1)) + b"ee\x85R"
    other = b"}" + pick("exp_avg", (2,), (1,), key="1") + b"s"
    pickled = b"\x80\x02}(U\nstate_dict" + state + b"U\toptimizer" + other + b"U\x05epochK\x03u."
    file = tmp_path / "checkpoint.pth"
    members = parts(tensors) | {"archive/data.pkl": pickled}
    file.write_bytes(fuzz_weights.zipped(members) if zipped else legacy(tensors, pickled))
    ((name, value),) = read_tensors(file).items()
    assert name == "a"
    np.testing.assert_array_equal(value, tensors["a"].reshape(2, 3))


@pytest.mark.parametrize(
    "dtype", [np.float64, np.float32, np.float16, ml_dtypes.bfloat16, np.int64, np.int16, np.bool_]
)
def test_big_endian_files_are_read(tmp_path, dtype):
    """As `torch.load` reads them; PyTorch 2.13 returned the same for each type."""
    tensors = {"a": np.arange(-2, 3).astype(dtype)}
    content = tensors["a"].view(f"V{tensors['a'].itemsize}")
    swapped = b"".join(number.tobytes()[::-1] for number in content)
    members = parts(tensors) | {"archive/byteorder": b"big", "archive/data/0": swapped}
    (tmp_path / "big.pth").write_bytes(fuzz_weights.zipped(members))
    again = read_tensors(tmp_path / "big.pth")
    np.testing.assert_array_equal(again["a"], tensors["a"])
    assert again["a"].dtype == tensors["a"].dtype
    members["archive/byteorder"] = b"middle"
    (tmp_path / "big.pth").write_bytes(fuzz_weights.zipped(members))
    with pytest.raises(UserError, match="its byteorder is neither little nor big"):
        read_tensors(tmp_path / "big.pth")


class Hostile:
    def __init__(self, function, *arguments):
        self._call = function, arguments

    def __reduce__(self):
        return self._call


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("function", [eval, exec, getattr, print, Path.touch, __import__])
def test_a_file_that_asks_to_run_code_is_refused(tmp_path, zipped, function):
    """Each would leave a file behind, or do worse."""
    touched = tmp_path / "touched"
    argument = touched if function is Path.touch else f"open({str(touched)!r}, 'w')"
    hostile = pickle.dumps({"a": Hostile(function, argument)}, 2)
    file = tmp_path / "hostile.pth"
    if zipped:
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("archive/data.pkl", hostile)
    else:
        file.write_bytes(hostile)
    with pytest.raises(UserError, match=r"cannot be read as PyTorch's tensors: it asks for"):
        read_tensors(file)
    assert not touched.exists()


def test_a_tensor_may_not_reach_beyond_its_storage(tmp_path):
    file = tmp_path / "cut.pth"
    write_tensors(file, {"a": np.zeros(100, np.float32)})
    with zipfile.ZipFile(file) as archive:
        pickled = archive.read("archive/data.pkl")
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", pickled)
        archive.writestr("archive/data/0", b"1234")
    with pytest.raises(UserError, match="larger than its storage"):
        read_tensors(file)


DEEP = b")" + b"\x85" * 80_000  # a tuple; Python's unpickler crashes where it is a key
TWICE = b")" + b"q\0h\0\x86" * 60  # hashed or printed in 2**60 steps
PAIRS = b"](" + b"](X\1\0\0\0aNe" * 20_000 + b"eq\0"
TENSOR = b"ctorch._utils\n_rebuild_tensor_v2\n"


HOSTILE = {
    "index": (
        b"\x80\x02Nr" + struct.pack("<I", 500_000_000) + b".",
        "it does not hold a dictionary",
    ),
    "missing": (b"\x80\x02Nj" + struct.pack("<I", 500_000_000) + b".", "its pickle is damaged"),
    "deep key": (b"}" + DEEP + b"Ns.", "a key of its dictionaries is neither text nor a number"),
    "double key": (b"}" + TWICE + b"Ns.", "a key of its dictionaries is neither text nor a number"),
    "large key": (b"}\x8a\x09" + b"\x01" * 9 + b"Ns.", "a key of its dictionaries"),  # may collide
    "deep value": (b"}X\1\0\0\0a" + DEEP + b"s.", "its entry a is not a tensor"),
    "deep name": (DEEP + b"\x8c\1a\x93.", "its pickle is damaged"),
    "double name": (b"\x8c\1a" + TWICE + b"\x93.", "its pickle is damaged"),
    "deep storage": (DEEP + b"Q.", "its pickle is damaged"),
    "deep call": (DEEP + b")R.", "its pickle is damaged"),
    "deep arguments": (TENSOR + DEEP + b"R.", "its pickle is damaged"),
    "many arguments": (TENSOR + b"(" + b"N" * 100 + b"tR.", "its pickle is damaged"),
    "list again": (PAIRS + b"ccollections\nOrderedDict\nh\0\x85R" * 2000 + b".", "no tensors"),
    "opcodes": (b"}" * 1_000_001, "its pickle has more than 1000000 opcodes"),
    "code": (b"(cbuiltins\neval\no.", "it asks for builtins.eval, which is not a tensor"),
    "instance": (b"(ibuiltins\neval\n.", "the opcode INST, which no tensor needs"),
    "marks": (b"(" * 1000, "pickle exhausted"),
    "lines": (b"}X\2\0\0\0a\nNs.", "its entry a$"),
    "control": (b"}" + pick("a\x1b", (3,), (1,)) + b"s.", "too long or not printable"),
    "stride 0": (b"}" + pick("a", (10**9,), (0,)) + b"s.", "repeats the numbers of its storage"),
    "overlap": (b"}" + pick("a", (9, 12), (1, 1)) + b"s.", "repeats the numbers of its storage"),
    "beyond": (b"}" + pick("a", (90, 90), (1, 1)) + b"s.", "larger than its storage"),
    "types": (
        b"}(" + pick("a", (9,), (1,)) + pick("b", (9,), (1,), kind="IntStorage") + b"u.",
        "its tensors read the same numbers as different types",
    ),
}


def write_pickle(file, pickled):
    members = parts({"a": np.zeros(100, np.float32)}) | {"archive/data.pkl": pickled}
    file.write_bytes(fuzz_weights.zipped(members))


@pytest.mark.parametrize(("pickled", "message"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_pickles_are_refused_in_one_line(tmp_path, pickled, message):
    write_pickle(tmp_path / "hostile.pth", pickled)
    with pytest.raises(UserError, match=message) as error:
        read_tensors(tmp_path / "hostile.pth")
    assert str(error.value).isprintable()


@pytest.mark.parametrize("name", ["index", "missing", "double key", "stride 0", "overlap"])
def test_small_files_take_little_memory(tmp_path, name):
    write_pickle(tmp_path / "hostile.pth", HOSTILE[name][0])
    tracemalloc.start()
    try:
        with pytest.raises(UserError):
            read_tensors(tmp_path / "hostile.pth")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2**20  # 8 GiB and 4 GiB with copies and Python's unpickler


def test_keys_of_storages_are_text(tmp_path):
    pickles = [LEGACY_MAGIC, 1001, {}, {}]
    content = b"".join(pickle.dumps(value, 2) for value in pickles) + b"]" + DEEP + b"a."
    (tmp_path / "old.pth").write_bytes(content)
    with pytest.raises(UserError, match="it does not list its storages"):
        read_tensors(tmp_path / "old.pth")


def test_tensors_share_the_memory_of_their_storage(tmp_path):
    """Hundreds of tensors in a file of 1 MB would take 500 MB as copies."""
    tensors = {"a": np.arange(250_000, dtype=np.float32)}
    names = [f"{index:04}" for index in range(500)]
    pickled = b"}(" + b"".join(pick(name, (250_000,), (1,)) for name in names) + b"u."
    file = tmp_path / "shared.pth"
    file.write_bytes(fuzz_weights.zipped(parts(tensors) | {"archive/data.pkl": pickled}))
    tracemalloc.start()
    try:
        again = read_tensors(file)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert list(again) == names
    np.testing.assert_array_equal(again["0499"], tensors["a"])
    assert peak < 2**24


def test_archives_that_are_larger_than_their_file_are_refused(tmp_path):
    file = tmp_path / "zip.pth"
    members = parts({"a": np.zeros(10_000, np.float32)})
    file.write_bytes(fuzz_weights.zipped(members, zipfile.ZIP_DEFLATED))
    with pytest.raises(UserError, match="it is compressed, which PyTorch's files are not"):
        read_tensors(file)
    content = bytearray(fuzz_weights.zipped(members))
    at = content.rfind(b"archive/data/0") - 46
    struct.pack_into("<II", content, at + 20, 2**31, 2**31)
    file.write_bytes(content)
    with pytest.raises(UserError, match="its parts are larger than the file"):
        read_tensors(file)
    file.write_bytes(fuzz_weights.zipped({"a.txt": b"text"}))
    with pytest.raises(UserError, match="it is a zip archive without tensors"):
        read_tensors(file)


def test_safetensors_of_other_types_are_refused(tmp_path):
    header = b'{"a":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[0,2]}}'
    file = tmp_path / "netG.safetensors"
    file.write_bytes(struct.pack("<Q", len(header)) + header + b"12")
    with pytest.raises(UserError, match="NumPy lacks a type of its numbers: save them as float32"):
        read_tensors(file)
