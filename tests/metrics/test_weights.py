import hashlib

import numpy as np
import pytest

from jaxgan.errors import UserError
from jaxgan.interop.torch_file import write_tensors
from jaxgan.metrics.weights import WeightsFile, default_folder, load_weights

TENSORS = {"conv.weight": np.arange(6, dtype=np.float32).reshape(1, 2, 1, 3)}
URL = "https://example.org/weights/net.pth"


@pytest.fixture
def downloaded(tmp_path):
    """A file as it was downloaded, under a name of its own."""
    file = tmp_path / "downloads" / "net (1).pth"
    file.parent.mkdir()
    write_tensors(file, TENSORS)
    return file


@pytest.fixture
def weights(downloaded):
    sha256 = hashlib.sha256(downloaded.read_bytes()).hexdigest()
    return WeightsFile(f"net-{sha256[:8]}.pth", URL, sha256[:8])


def assert_found(tensors):
    assert list(tensors) == list(TENSORS)
    np.testing.assert_array_equal(tensors["conv.weight"], TENSORS["conv.weight"])


def test_weights_lie_in_the_users_cache(monkeypatch, tmp_path, downloaded, weights):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    default_folder().mkdir(parents=True)
    downloaded.rename(default_folder() / weights.name)
    assert default_folder().is_relative_to(tmp_path)
    assert_found(load_weights(weights))


def test_missing_weights_are_asked_for(tmp_path, weights):
    with pytest.raises(UserError) as error:
        load_weights(weights, folder=tmp_path)
    assert str(error.value) == (
        f"there is no file {tmp_path / weights.name}: get it from {URL} and put it there"
    )


def test_a_given_file_is_kept_for_the_next_time(tmp_path, downloaded, weights):
    folder = tmp_path / "cache" / "weights"
    assert_found(load_weights(weights, given=downloaded, folder=folder))
    assert [file.name for file in folder.iterdir()] == [weights.name]
    downloaded.unlink()
    assert_found(load_weights(weights, folder=folder))
    assert_found(load_weights(weights, given=folder / weights.name, folder=folder))
    with pytest.raises(UserError, match=r"there is no file .*net \(1\).pth: get it from"):
        load_weights(weights, given=downloaded, folder=folder)


def test_damaged_and_other_files_are_refused_and_not_kept(tmp_path, downloaded, weights):
    content = bytearray(downloaded.read_bytes())
    content[-1] ^= 1
    downloaded.write_bytes(content)
    folder = tmp_path / "weights"
    expected = f"SHA-256 does not begin with {weights.sha256}: get it again from {URL}"
    with pytest.raises(UserError, match=expected):
        load_weights(weights, given=downloaded, folder=folder)
    assert not folder.exists()
    folder.mkdir()
    downloaded.rename(folder / weights.name)
    with pytest.raises(UserError, match=expected):
        load_weights(weights, folder=folder)
