"""Prepared data that is damaged, unfinished, or does not fit on the disk."""

import json
import os
import shutil

import disks
import numpy as np
import pytest

from jaxgan.data import builder
from jaxgan.data.facades.dataset import FacadePictures, ProceduralFacades
from jaxgan.data.loading import Loading
from jaxgan.data.paired import Paired
from jaxgan.data.prepared import Prepared, Split, open_or_prepare, write
from jaxgan.data.unconditional import Unconditional
from jaxgan.errors import ImageError, UserError
from jaxgan.files import lock

FACADES = ProceduralFacades(size=32, train_count=5, test_count=2)
CROPS = Loading(load_size=32, crop_size=32)
FORMATS = ["array_record", "parquet"]


@pytest.fixture(scope="module", params=FORMATS)
def prepared(request, tmp_path_factory):
    """A folder of prepared facades, in several shards."""
    folder = tmp_path_factory.mktemp(request.param)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(builder, "SHARD_SIZE", 2)
        patch.setattr(builder, "file_format", lambda: request.param)
        FACADES.prepare(folder)
    return folder


def read_all(data_dir):
    """Open a prepared data set and decode all of its images; return how many there are."""
    data = Paired(
        source=FACADES, loading=Loading(load_size=32, crop_size=32, data_dir=str(data_dir))
    )
    splits = data.prepare()
    return {
        split: sum(map(len, (b["input"] for b in data.held_out(splits, 99, split).batches)))
        for split in ("train", "test")
    }


def edit(file, *path):
    """Replace a value in a file of JSON, found by keys; the last of the path is the new value."""
    *keys, last, value = path
    content = inner = json.loads(file.read_text())
    for key in keys:
        inner = inner[key]
    inner[last] = value
    file.write_text(json.dumps(content))


def overwrite(file):
    content = bytearray(file.read_bytes())
    content[len(content) // 3 :: 7] = bytes(len(content[len(content) // 3 :: 7]))
    file.write_bytes(content)


DAMAGES = {
    "no info": ("dataset_info.json", os.remove),
    "empty info": ("dataset_info.json", lambda file: file.write_text("")),
    "info of another kind": ("dataset_info.json", lambda file: file.write_text("[1]")),
    "no splits": ("dataset_info.json", lambda file: edit(file, "splits", [])),
    "count": (
        "dataset_info.json",
        lambda file: edit(file, "splits", 0, "shardLengths", ["2", "2", "9"]),
    ),
    "empty split": ("dataset_info.json", lambda file: edit(file, "splits", 0, "shardLengths", [])),
    "no features": ("features.json", os.remove),
    "garbled features": ("features.json", overwrite),
    "features of another kind": ("features.json", lambda file: file.write_text("null")),
    "garbled metadata": ("metadata.json", overwrite),
    "metadata of another kind": ("metadata.json", lambda file: file.write_text('"x"')),
    "list in metadata": ("metadata.json", lambda file: edit(file, "left_out", 5)),
    "no shard": ("*train*-00001-of-*", os.remove),
    "empty shard": ("*train*-00001-of-*", lambda file: file.write_bytes(b"")),
    "cut shard": ("*train*-00001-of-*", lambda file: os.truncate(file, file.stat().st_size // 2)),
    "garbled shard": ("*train*-00001-of-*", overwrite),
    "folder in place of a shard": ("*test*", lambda file: [file.unlink(), file.mkdir()]),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_data_is_one_line_that_names_its_folder(tmp_path, prepared, damage):
    shutil.copytree(prepared, tmp_path / "data")
    assert read_all(tmp_path / "data") == {"train": 5, "test": 2}
    pattern, function = DAMAGES[damage]
    (file,) = (tmp_path / "data" / "paired_facades_32_0_5_2" / "1.0.0").glob(pattern)
    function(file)
    with pytest.raises(UserError) as error:
        read_all(tmp_path / "data")
    line = str(error.value)
    assert "\n" not in line
    assert "is damaged (" in line
    assert f"delete the folder {file.parent}, and run the same command again" in line
    shutil.rmtree(file.parent)
    assert read_all(tmp_path / "data") == {"train": 5, "test": 2}


def test_too_many_open_files_are_not_the_datas_fault():
    class Exhausted(list):
        def __getitem__(self, index):
            raise RuntimeError("open() failed: Too many open files; opening x.array_record")

    with pytest.raises(UserError, match=r"^record 3 of the data cannot be read \([^)]*\) failed"):
        Prepared(Exhausted(), "delete it")[3]
    with pytest.raises(UserError, match=r"record 4 of the data is damaged .not an image.: delete"):
        raise Prepared([], "delete it").damaged(4, ImageError("not an image"))


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"image": np.zeros((32, 32, 3), np.uint8)}, "'image' is of type ndarray, not the bytes"),
        ({"image": "1.png"}, "'image' is of type str"),
        ({"image": None}, "'image' is of type NoneType"),
        ({"picture": b""}, "it is of type dict, not a mapping that holds 'image'"),
        (b"", "it is of type bytes"),
        (None, "it is of type NoneType"),
        ({"image": b"no image"}, "not an image"),
    ],
)
def test_an_own_source_of_wrong_records_is_not_to_be_deleted(record, reason):
    data = Unconditional(source=FacadePictures(facades=FACADES), loading=CROPS)
    with pytest.raises(UserError) as error:
        data.held_out({"train": [record]}, 1)
    assert str(error.value).startswith(f"record 0 of the data cannot be used: {reason}")
    assert "delete" not in str(error.value)


def test_what_killed_preparations_left_is_removed(tmp_path, monkeypatch):
    """But not what another process is writing, or what jaxgan did not make."""
    folders = [tmp_path / name / "incomplete.ABC123_1.0.0" for name in ("dead", "busy", "other")]
    for folder in folders:
        folder.mkdir(parents=True)
        (folder / "x-train.array_record").touch()
    for name in ("dead", "busy"):
        (tmp_path / f".{name}.lock").touch()
    with lock(tmp_path / ".busy.lock", pytest.fail):
        FACADES.prepare(tmp_path)
    assert [folder.exists() for folder in folders] == [False, True, True]


@pytest.mark.parametrize("form", FORMATS)
def test_a_full_disk_leaves_nothing_and_ends_in_one_line(tmp_path, monkeypatch, form):
    monkeypatch.setattr(builder, "file_format", lambda: form)

    def examples():
        for index in range(9):
            noise = np.random.default_rng(index).integers(0, 256, (64, 64, 3), np.uint8)
            yield str(index), {"image": noise}

    def build():
        splits = {"train": Split(9, examples)}
        write(name="noise", data_dir=tmp_path, image_names=["image"], splits=splits)

    with (
        disks.full_at(2**16),
        pytest.raises((UserError, OSError), match="File too large") as error,
    ):
        open_or_prepare(build, tmp_path, "noise", source="a test")
    assert "\n" not in str(error.value)
    assert not [*tmp_path.rglob("*noise-train*"), *tmp_path.rglob("incomplete.*")]
    assert len(open_or_prepare(build, tmp_path, "noise", source="a test")["train"]) == 9


def test_a_folder_of_prepared_data_whose_name_is_not_utf8_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"udce9' is not UTF-8: choose another .*data_dir=DIR"):
        FACADES.prepare(tmp_path / os.fsdecode(b"\xe9"))
