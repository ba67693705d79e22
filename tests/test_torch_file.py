"""Files of PyTorch and safetensors, read without either, and nothing in them run."""

import io
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from jaxgan.errors import UserError
from jaxgan.interop.torch_file import LEGACY_MAGIC, read_tensors, write_tensors

REFERENCE = Path(__file__).parent / "reference"


def test_safetensors_are_read(tmp_path):
    tensors = read_tensors(REFERENCE / "dcgan_net_G.pth")
    safetensors.numpy.save_file(
        {name: np.ascontiguousarray(value) for name, value in tensors.items()},
        tmp_path / "netG.safetensors",
    )
    again = read_tensors(tmp_path / "netG.safetensors")
    for name, value in tensors.items():
        np.testing.assert_array_equal(again[name], value)


def legacy(tensors):
    """Write a file as PyTorch did before 1.6: pickles, then the numbers of all storages."""
    with io.BytesIO() as buffer:
        write_tensors(buffer, tensors)
        with zipfile.ZipFile(buffer) as archive:
            pickled = archive.read("archive/data.pkl")
            numbers = [archive.read(f"archive/data/{key}") for key in range(len(tensors))]
    parts = [pickle.dumps(LEGACY_MAGIC, 2), pickle.dumps(1001, 2), pickle.dumps({}, 2), pickled]
    parts.append(pickle.dumps([str(key) for key in range(len(tensors))], 2))
    for value, content in zip(tensors.values(), numbers, strict=True):
        parts += [struct.pack("<q", value.size), content]
    return b"".join(parts)


def test_files_of_old_versions_are_read(tmp_path):
    tensors = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.array(7, np.int64)}
    (tmp_path / "old.pth").write_bytes(legacy(tensors))
    again = read_tensors(tmp_path / "old.pth")
    for name, value in tensors.items():
        np.testing.assert_array_equal(again[name], value)
        assert again[name].dtype == value.dtype


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
