import shutil

import numpy as np
import pytest
from PIL import Image

from jaxgan.data.paired_folder import PairedFolder
from jaxgan.errors import UserError
from jaxgan.image_files import read_image

RED, BLUE = (255, 0, 0), (0, 0, 255)


def combined(file, size=(8, 6)):
    file.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.new("RGB", (2 * size[0], size[1]), RED)
    picture.paste(BLUE, (size[0], 0, 2 * size[0], size[1]))
    picture.save(file)


def single(file, color, size=(8, 6)):
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, color).save(file)


def prepare(root, data_dir):
    return PairedFolder(root=str(root)).prepare(data_dir)


def colors(record):
    return [read_image(record[side], 3)[0, 0].tolist() for side in "ab"]


def test_combined_pictures_are_cut_in_the_middle(tmp_path, data_dir):
    for split in ("train", "val", "test"):
        combined(tmp_path / split / "1.png")
    splits = prepare(tmp_path, data_dir)
    assert set(splits) == {"train", "val", "test"}
    assert colors(splits["train"][0]) == [list(RED), list(BLUE)]
    assert read_image(splits["train"][0]["a"], 3).shape == (6, 8, 3)


def test_two_folders_are_matched_by_name(tmp_path, data_dir, capsys):
    for name in ("x", "y", "deep/er/z"):
        single(tmp_path / "trainA" / f"{name}.png", RED)
        single(tmp_path / "trainB" / f"{name}.jpg", BLUE, (30, 20))
    single(tmp_path / "trainA" / "lonely.png", RED)
    single(tmp_path / "trainB" / "alone.png", BLUE)
    (tmp_path / "trainA" / ".hidden").touch()
    single(tmp_path / "trainA" / ".thumbnails" / "x.png", BLUE)
    single(tmp_path / "trainB" / ".thumbnails" / "x.png", BLUE)
    splits = prepare(tmp_path, data_dir)
    assert sorted(r["id"].decode() for r in splits["train"]) == ["deep/er/z", "x", "y"]
    np.testing.assert_allclose(colors(splits["train"][0]), [RED, BLUE], atol=2)
    printed = capsys.readouterr().out
    assert "2 files left out" in printed
    assert "trainA/lonely.png: no partner in trainB" in printed
    assert "trainB/alone.png: no partner in trainA" in printed


def test_files_that_cannot_be_used_are_named_and_counted_every_time(tmp_path, data_dir, capsys):
    combined(tmp_path / "train" / "good.png")
    single(tmp_path / "train" / "odd.png", RED, (7, 6))
    (tmp_path / "train" / "empty.png").touch()
    (tmp_path / "train" / "notes.txt").write_text("hello")
    whole = (tmp_path / "train" / "good.png").read_bytes()
    (tmp_path / "train" / "cut.png").write_bytes(whole[: len(whole) // 2])
    for _ in range(2):
        assert len(prepare(tmp_path, data_dir)["train"]) == 1
        printed = capsys.readouterr().out
        assert "4 files left out" in printed
        assert "train/odd.png: is 7 pixels wide, an odd number" in printed
        assert "train/empty.png: not an image" in printed
        assert "train/notes.txt: not an image" in printed
        assert "train/cut.png: " in printed


def test_two_files_of_one_name_are_not_dropped_in_silence(tmp_path, data_dir, capsys):
    combined(tmp_path / "train" / "1.png")
    combined(tmp_path / "train" / "1.jpg")
    assert len(prepare(tmp_path, data_dir)["train"]) == 1
    assert "has the same name as 1.jpg" in capsys.readouterr().out


def test_a_changed_folder_is_prepared_anew(tmp_path, data_dir):
    combined(tmp_path / "train" / "1.png")
    assert len(prepare(tmp_path, data_dir)["train"]) == 1
    combined(tmp_path / "train" / "2.png")
    assert len(prepare(tmp_path, data_dir)["train"]) == 2
    shutil.rmtree(tmp_path / "train")
    combined(tmp_path / "train" / "3.png")
    assert prepare(tmp_path, data_dir)["train"][0]["id"] == b"3"


def test_folders_without_anything_to_train_on_say_what_is_wanted(tmp_path, data_dir):
    with pytest.raises(UserError, match=r"--config\.data\.root=DIR"):
        PairedFolder().prepare(data_dir)
    with pytest.raises(UserError, match="no folder"):
        prepare(tmp_path / "nowhere", data_dir)
    with pytest.raises(UserError, match="trainA"):
        prepare(tmp_path, data_dir)
    (tmp_path / "train").mkdir()
    with pytest.raises(UserError, match="no pairs to train on"):
        prepare(tmp_path, data_dir)
    (tmp_path / "train" / "bad.png").touch()
    with pytest.raises(UserError, match=r"bad\.png: not an image"):
        prepare(tmp_path, data_dir)
    (tmp_path / "train" / "bad.png").unlink()
    combined(tmp_path / "train" / "good.png")
    assert len(prepare(tmp_path, data_dir)["train"]) == 1
