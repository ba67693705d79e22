import pickle

import pytest

from jaxgan.data import builder
from jaxgan.data.prepared import Split, open_or_prepare, write


def prepare(data_dir, count, expected=None, name="numbers"):
    def examples():
        for index in range(count):
            yield f"example {index}", {"a": b"png %d" % index}

    def build():
        splits = {"train": Split(count if expected is None else expected, examples)}
        write(name=name, data_dir=data_dir, image_names=["a"], splits=splits)

    return open_or_prepare(build, data_dir, name)["train"]


@pytest.mark.parametrize("file_format", ["array_record", "parquet"])
@pytest.mark.parametrize(("count", "expected"), [(1, 1), (7, 7), (8, 8), (3, 20)])
def test_examples_come_back_in_order_from_any_number_of_files(
    tmp_path, monkeypatch, count, expected, file_format
):
    monkeypatch.setattr(builder, "SHARD_SIZE", 2)
    monkeypatch.setattr(builder, "file_format", lambda: file_format)
    source = prepare(tmp_path, count, expected)
    images = [b"png %d" % i for i in range(count)]
    assert [source[i]["a"] for i in range(len(source))] == images
    assert pickle.loads(pickle.dumps(source))[count - 1]["a"] == images[-1]  # as workers get it
    assert len(list(tmp_path.rglob(f"*.{file_format}*"))) == -(-expected // 2)


def test_a_data_set_is_written_once(tmp_path):
    prepare(tmp_path, 2)
    assert len(prepare(tmp_path, 5)) == 2


def test_an_unfinished_data_set_is_written_again(tmp_path):
    def interrupted():
        def examples():
            yield "0", {"a": b""}
            raise KeyboardInterrupt

        splits = {"train": Split(2, examples)}
        write(name="numbers", data_dir=tmp_path, image_names=["a"], splits=splits)

    with pytest.raises(KeyboardInterrupt):
        open_or_prepare(interrupted, tmp_path, "numbers")
    assert len(prepare(tmp_path, 2)) == 2
