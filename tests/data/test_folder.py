import json
import os
import shutil
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxgan.data.sources import paired_folder
from jaxgan.data.sources.folder import domain_folders, prepare_folder, visible_files
from jaxgan.data.sources.image_folder import ImageFolder
from jaxgan.data.sources.paired_folder import PairedFolder
from jaxgan.data.sources.unpaired_folder import UnpairedFolder
from jaxgan.errors import UserError
from jaxgan.images.files import read_image

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


def test_the_prepared_set_names_its_folder(tmp_path):
    combined(tmp_path / "my pictures" / "train" / "1.png")
    prepare(tmp_path / "my pictures", tmp_path / "data")
    (note,) = (tmp_path / "data").glob("folder_of_*/README.txt")
    assert f"Source: {tmp_path / 'my pictures'}\n" in note.read_text()


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
    with pytest.raises(UserError, match="does not exist"):
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


@pytest.mark.parametrize(("a", "b"), ["AB", "ab"])
def test_a_and_b_within_the_folder_of_a_split_are_pairs(tmp_path, data_dir, capsys, a, b):
    for split, count in (("train", 3), ("val", 2), ("test", 1)):
        for name in range(count):
            single(tmp_path / split / a / f"{name}.png", RED)
            single(tmp_path / split / b / f"{name}.png", BLUE)
    single(tmp_path / "train" / "C" / "0.png", RED)
    for _ in range(2):
        splits = prepare(tmp_path, data_dir)
        assert {split: len(records) for split, records in splits.items()} == {
            "train": 3,
            "val": 2,
            "test": 1,
        }
        assert all(colors(pair) == [list(RED), list(BLUE)] for pair in splits["train"])
        assert read_image(splits["train"][0]["a"], 3).shape == (6, 8, 3)
        printed = capsys.readouterr().out
        assert f"data: 3 train (pairs from train/{a} and train/{b}), 2 val (pairs from" in printed
        assert f"1 files left out: train/C/0.png: neither in train/{a} nor in train/{b}" in printed
        assert "not used" not in printed


def test_folders_keep_their_own_names_where_case_does_not_count(tmp_path, monkeypatch):
    """As on macOS and Windows, where A finds a."""

    def is_dir(path):
        return path.name.lower() in map(str.lower, os.listdir(path.parent))

    for name in "ab":
        (tmp_path / "train" / name).mkdir(parents=True)
    monkeypatch.setattr(Path, "is_dir", is_dir)
    expected = (tmp_path / "train" / "a", tmp_path / "train" / "b")
    assert domain_folders(tmp_path, "train") == expected


def test_a_folder_of_halves_without_the_other_is_not_cut(tmp_path, data_dir, capsys):
    combined(tmp_path / "train" / "1.png")
    single(tmp_path / "train" / "A" / "2.png", RED)
    assert [record["id"] for record in prepare(tmp_path, data_dir)["train"]] == [b"1"]
    printed = capsys.readouterr().out
    assert "1 train (pictures in train, A left and B right)" in printed
    assert "train/A/2.png: the folder of the other half is missing" in printed
    (tmp_path / "train" / "1.png").unlink()
    with pytest.raises(UserError, match="no pairs to train on"):
        prepare(tmp_path, data_dir)


def test_what_belongs_to_no_split_is_named_at_every_start(tmp_path, data_dir, capsys):
    combined(tmp_path / "train" / "1.png")
    single(tmp_path / "valA" / "1.png", RED)
    first = prepare(tmp_path, data_dir)
    assert "data: in no split, and not used: valA\n" in capsys.readouterr().out
    combined(tmp_path / "tset" / "2.png")
    (tmp_path / ".cache").mkdir()
    again = prepare(tmp_path, data_dir)
    printed = capsys.readouterr().out
    assert "data: in no split, and not used: tset; valA\n" in printed
    assert "files left out" not in printed
    first_place, place = (splits["train"].source.dataset_info.data_dir for splits in (first, again))
    assert place == first_place


def test_a_long_list_of_what_was_left_out_is_shortened(tmp_path, data_dir, capsys):
    combined(tmp_path / "train" / "good.png")
    for number in range(20):
        (tmp_path / "train" / f"{number:02}.txt").touch()
        (tmp_path / f"{number:02}.md").touch()
    prepare(tmp_path, data_dir)
    _, counts, left_out, unused = capsys.readouterr().out.splitlines()
    assert counts.startswith("data: 1 train")
    assert left_out.startswith("data: 20 files left out: train/00.txt: not an image; train/01.txt")
    assert "04.txt: not an image; 15 more (all in " in left_out
    assert "05.txt" not in left_out
    whole = json.loads(Path(left_out.rpartition("all in ")[2].rstrip(")")).read_text())
    assert whole["left_out"] == [f"train/{number:02}.txt: not an image" for number in range(20)]
    assert unused == "data: in no split, and not used: 00.md; 01.md; 02.md; 03.md; 04.md; 15 more"
    (tmp_path / "train" / "good.png").unlink()
    with pytest.raises(UserError, match=r"for train: .*04\.txt: not an image; 15 more$"):
        prepare(tmp_path, data_dir)


def test_names_are_equal_in_either_normal_form_of_unicode(tmp_path, data_dir, capsys):
    """As macOS writes an accented letter (two characters), and as Linux does (one)."""
    composed, decomposed = (unicodedata.normalize(form, "caf\u00e9") for form in ("NFC", "NFD"))
    assert composed != decomposed
    single(tmp_path / "trainA" / decomposed / f"{decomposed}.png", RED)
    single(tmp_path / "trainB" / composed / f"{composed}.png", BLUE)
    (pair,) = prepare(tmp_path, data_dir)["train"]
    assert pair["id"].decode() == f"{composed}/{composed}"
    assert colors(pair) == [list(RED), list(BLUE)]
    assert "left out" not in capsys.readouterr().out


@pytest.mark.parametrize("layout", [PairedFolder, UnpairedFolder, ImageFolder])
def test_names_that_are_not_utf8_are_read_and_shown_escaped(tmp_path, data_dir, capsys, layout):
    """As zips from Windows leave them."""
    root, name = tmp_path / os.fsdecode(b"r\xe9"), os.fsdecode(b"caf\xe9")
    sides = ["train"] if layout is ImageFolder else ["trainA", "trainB"]
    for side in sides:
        single(root / side / name / f"{name}.png", RED)
        (root / side / f"{name}.txt").touch()
    (root / f"tset{name}").mkdir()
    splits = layout(root=str(root)).prepare(data_dir)
    ids = [record["id"].decode() for records in splits.values() for record in records]
    escaped = "caf\\xe9/caf\\xe9"
    assert {name.removesuffix(".png") for name in ids} == {escaped}
    printed = capsys.readouterr().out
    assert "caf\\xe9.txt: " in printed
    assert "not used: tsetcaf\\xe9" in printed
    printed.encode()
    for side in sides:
        (root / side / name / f"{name}.png").write_bytes(b"no image")
    with pytest.raises(UserError, match=r"has no usable image for train.*caf.*: not an image"):
        layout(root=str(root)).prepare(data_dir)


def test_classes_whose_names_are_not_utf8_are_shown_escaped(tmp_path, data_dir, capsys):
    single(tmp_path / os.fsdecode(b"caf\xe9") / "1.png", RED)
    ImageFolder(root=str(tmp_path)).prepare(data_dir)
    assert "1 train (all images, of classes caf\\xe9)" in capsys.readouterr().out


def test_images_may_be_removed_at_any_time(tmp_path, data_dir, monkeypatch, capsys):
    for name in "123":
        combined(tmp_path / "train" / f"{name}.png")
    layout = paired_folder.paired_layout(PairedFolder().kinds())

    def find(root):
        """Find all images, of which one is removed then."""
        found = layout.find(root)
        (tmp_path / "train" / "3.png").unlink(missing_ok=True)
        return found

    racing = layout._replace(find=find)
    with pytest.raises(UserError, match=r"3\.png was removed just now: run the same command again"):
        prepare_folder(str(tmp_path), data_dir, racing)
    assert len(prepare_folder(str(tmp_path), data_dir, racing)["train"]) == 2

    def read(item):
        (tmp_path / "train" / "2.png").unlink(missing_ok=True)
        return layout.read(item)

    combined(tmp_path / "train" / "4.png")
    splits = prepare_folder(str(tmp_path), data_dir, layout._replace(read=read))
    assert [record["id"] for record in splits["train"]] == [b"1", b"4"]
    assert "train/2.png: [Errno 2] No such file" in capsys.readouterr().out


def test_links_to_folders_are_followed_but_not_in_circles(tmp_path):
    folder, elsewhere = tmp_path / "folder", tmp_path / "elsewhere"
    for file in (folder / "zoo" / "1.png", elsewhere / "deep" / "2.png", tmp_path / "3.png"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    (elsewhere / "back").symlink_to(folder)
    (elsewhere / "deep" / "up").symlink_to(elsewhere)
    for name, target in {
        "linked": elsewhere,
        "twice": elsewhere / "deep",
        "alias": folder / "zoo",
        "here": folder,
        "parent": tmp_path,
        "nowhere": tmp_path / "missing",
        ".hidden": elsewhere,
    }.items():
        (folder / name).symlink_to(target)
    (folder / "3.png").symlink_to(tmp_path / "3.png")
    found = [str(file.relative_to(folder)) for file in visible_files(folder)]
    assert found == ["3.png", "linked/deep/2.png", "zoo/1.png"]
    (tmp_path / "link").symlink_to(folder)
    assert len(visible_files(tmp_path / "link")) == 3


def noise(file, seed):
    """Write a picture whose file is as large whatever its pixels."""
    file.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (6, 16, 3), np.uint8)
    Image.fromarray(pixels).save(file)


def test_a_fingerprint_is_that_of_the_pixels_wherever_they_are(tmp_path, data_dir):
    for number in range(2):
        noise(tmp_path / "one" / "train" / f"{number}.bmp", number)
        noise(tmp_path / "one" / "test" / f"{number}.bmp", number)

    def fingerprints(folder):
        return {name: x.fingerprint for name, x in prepare(tmp_path / folder, data_dir).items()}

    original = fingerprints("one")
    assert original["train"] == original["test"]
    shutil.copytree(tmp_path / "one", tmp_path / "two", copy_function=shutil.copyfile)
    assert fingerprints("two") == original
    picture = Image.open(tmp_path / "two" / "train" / "1.bmp")
    picture.save(tmp_path / "two" / "train" / "1.png")
    (tmp_path / "two" / "train" / "1.bmp").unlink()
    assert fingerprints("two") == original

    file = tmp_path / "one" / "train" / "1.bmp"
    before = file.stat()
    noise(file, 2)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (file.stat().st_size, file.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    replaced = fingerprints("one")
    assert replaced["train"] != original["train"]
    assert replaced["test"] == original["test"]
