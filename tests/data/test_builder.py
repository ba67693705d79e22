import json
import pickle

import numpy as np
import pytest

from jaxgan.data import builder
from jaxgan.data.prepared import Split, open_or_prepare, write
from jaxgan.images.files import read_image
from jaxgan.types import Fingerprinted


def image(number, dtype=np.uint8, shape=(2, 3, 3)):
    return np.full(shape, number, dtype)


def prepare(data_dir, count, expected=None, name="numbers", dtype=np.uint8, shape=(2, 3, 3)):
    def examples():
        for index in range(count):
            yield f"example {index}", {"a": image(index, dtype, shape)}

    def build():
        splits = {"train": Split(count if expected is None else expected, examples)}
        write(
            name=name,
            data_dir=data_dir,
            image_names=["a"],
            splits=splits,
            png=dtype == np.uint8,
        )

    return open_or_prepare(build, data_dir, name, source="a test")["train"]


@pytest.mark.parametrize("file_format", ["array_record", "parquet"])
@pytest.mark.parametrize(("count", "expected"), [(1, 1), (7, 7), (8, 8), (3, 20)])
def test_examples_come_back_in_order_from_any_number_of_files(
    tmp_path, monkeypatch, count, expected, file_format
):
    monkeypatch.setattr(builder, "SHARD_SIZE", 2)
    monkeypatch.setattr(builder, "file_format", lambda: file_format)
    source = prepare(tmp_path, count, expected)
    assert len(source) == count
    for number, record in enumerate(source):
        np.testing.assert_array_equal(read_image(record["a"], 3), image(number))
    copy = pickle.loads(pickle.dumps(source))  # as workers get it
    assert copy[count - 1]["a"] == source[count - 1]["a"]
    assert len(list(tmp_path.rglob(f"*.{file_format}*"))) == -(-expected // 2)


def test_a_fingerprint_depends_on_all_that_is_written_and_on_nothing_else(tmp_path, monkeypatch):
    first = prepare(tmp_path, 4).fingerprint
    monkeypatch.setattr(builder, "SHARD_SIZE", 2)
    assert prepare(tmp_path, 4, expected=20, name="other").fingerprint == first
    fewer = prepare(tmp_path, 3, name="fewer").fingerprint
    deeper = prepare(tmp_path, 4, name="deeper", dtype=np.uint16).fingerprint
    turned = prepare(tmp_path, 4, name="turned", shape=(3, 2, 3)).fingerprint
    assert len({first, fewer, deeper, turned}) == 4


def test_a_data_set_of_version_0_1_has_no_fingerprint(tmp_path):
    assert isinstance(prepare(tmp_path, 2), Fingerprinted)
    (metadata,) = tmp_path.rglob("metadata.json")
    metadata.write_text(json.dumps({"left_out": []}))
    records = prepare(tmp_path, 2)
    assert len(records) == 2
    assert not isinstance(records, Fingerprinted)


def test_a_data_set_is_written_once(tmp_path):
    prepare(tmp_path, 2)
    assert len(prepare(tmp_path, 5)) == 2


def test_where_a_data_set_is_written_is_printed_once_and_its_source_is_kept(tmp_path, capsys):
    prepare(tmp_path, 2)
    folder = tmp_path / "numbers"
    size = sum(file.stat().st_size for file in (folder / "1.0.0").iterdir()) / 1e6
    line = f"data: {size:.1f} MB were written to {folder}, which can be deleted after training; "
    assert f"{line}--config.data.data_dir=DIR chooses another place\n" in capsys.readouterr().out
    assert "Source: a test\n" in (folder / "README.txt").read_text()
    prepare(tmp_path, 2)
    assert "written to" not in capsys.readouterr().out


def test_an_unfinished_data_set_is_written_again(tmp_path):
    def interrupted():
        def examples():
            yield "0", {"a": image(0)}
            raise KeyboardInterrupt

        splits = {"train": Split(2, examples)}
        write(name="numbers", data_dir=tmp_path, image_names=["a"], splits=splits)

    with pytest.raises(KeyboardInterrupt):
        open_or_prepare(interrupted, tmp_path, "numbers", source="a test")
    assert len(prepare(tmp_path, 2)) == 2
