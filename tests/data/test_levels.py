"""Folders of images that are not all of the declared kind, or use little of it."""

import numpy as np
import pytest
from PIL import Image

from jaxgan.data.sources.image_folder import ImageFolder
from jaxgan.data.sources.paired_folder import PairedFolder
from jaxgan.data.sources.unpaired_folder import UnpairedFolder
from jaxgan.images.files import read_as, write_image
from jaxgan.images.kinds import RGB, ImageKind

HEIGHTS = ImageKind(channels=1, dtype="float32", value_range=(0, 80))


def save(file, highest, dtype=np.uint16, channels=3):
    """Write an image with values from 0 to the highest."""
    file.parent.mkdir(parents=True, exist_ok=True)
    ramp = np.linspace(0, highest, 8 * 8).round().astype(dtype)
    write_image(file, ramp.reshape(8, 8, 1).repeat(channels, axis=-1))


def test_values_beyond_the_range_leave_a_file_out(tmp_path, data_dir, capsys):
    save(tmp_path / "good.tif", 80, np.float32, channels=1)
    low = np.full((8, 8, 1), 7.5, np.float32)
    low[0, 0] = -9999
    write_image(tmp_path / "low.tif", low)
    save(tmp_path / "high.png", 81, channels=1)
    source = ImageFolder(root=str(tmp_path), image=HEIGHTS)
    assert [record["id"] for record in source.prepare(data_dir)["train"]] == [b"good.tif"]
    printed = capsys.readouterr().out
    assert "2 files left out" in printed
    assert "low.tif: holds values from -9999.0 to 7.5, outside of value_range 0 80" in printed
    assert "high.png: holds values from 0.0 to 81.0, outside of value_range 0 80" in printed
    wider = ImageKind(channels=1, dtype="float32", value_range=(0, 81))  # prepares it again
    assert len(ImageFolder(root=str(tmp_path), image=wider).prepare(data_dir)["train"]) == 2


def test_pixels_without_data_are_what_nodata_says(tmp_path, data_dir, capsys):
    heights = np.full((8, 8, 1), 40, np.float32)
    heights[:4] = np.nan
    write_image(tmp_path / "a.npy", heights)
    save(tmp_path / "b.npy", 80, np.float32, channels=1)
    assert len(ImageFolder(root=str(tmp_path), image=HEIGHTS).prepare(data_dir)["train"]) == 1
    assert "a.npy: holds values that are not finite: set nodata" in capsys.readouterr().out
    kind = ImageKind(channels=1, dtype="float32", value_range=(0, 80), nodata=5)
    records = ImageFolder(root=str(tmp_path), image=kind).prepare(data_dir)["train"]
    read = read_as(records[0]["image"], kind)
    np.testing.assert_array_equal(read, np.where(np.isnan(heights), np.float32(5), heights))


@pytest.mark.parametrize(
    ("dtype", "highest", "kind", "advice"),
    [
        (np.uint16, 4095, RGB, "b.dtype uint16 --config.data.b.value_range 0 4095 (if not, 0 65"),
        (np.uint16, 1000, RGB, "b.dtype uint16 --config.data.b.value_range 0 1023 (if not, 0 65"),
        (np.uint16, 16383, ImageKind(dtype="uint16"), "b.value_range 0 16383 (if not, 0 65535)"),
        (np.uint16, 1, RGB, "b.dtype uint16 --config.data.b.value_range 0 1 (if not, 0 65535)"),
        (np.uint8, 10, RGB, "b.value_range 0 15 (if not, 0 255)"),
        (np.uint8, 10, ImageKind(dtype="uint16"), "b.value_range 0 3855 (if not, 0 65535)"),
    ],
)
def test_images_that_are_almost_black_are_reported(
    tmp_path, data_dir, capsys, dtype, highest, kind, advice
):
    for index in range(3):
        save(tmp_path / "trainA" / f"{index}.png", 255, np.uint8)
        save(tmp_path / "trainB" / f"{index}.png", highest // (index + 1), dtype)
    for _ in range(2):
        UnpairedFolder(root=str(tmp_path), b=kind).prepare(data_dir)
        printed = capsys.readouterr().out
        assert printed.count("warning") == 1
        assert "warning: images b are almost black: no value is above " in printed
        assert f"pass --config.data.{advice}" in printed


def test_the_advice_stops_the_warning(tmp_path, data_dir, capsys):
    save(tmp_path / "x.png", 4095)
    for value_range in ((0, 4095), (0, 65535)):
        kind = ImageKind(dtype="uint16", value_range=value_range)
        ImageFolder(root=str(tmp_path), image=kind).prepare(data_dir)
        assert "warning" not in capsys.readouterr().out


def test_a_single_bright_image_is_enough(tmp_path, data_dir, capsys):
    for index in range(3):
        save(tmp_path / f"{index}.png", 4095)
    ImageFolder(root=str(tmp_path)).prepare(data_dir)
    assert "--config.data.image.value_range 0 4095" in capsys.readouterr().out
    save(tmp_path / "bright.png", 40_000)
    ImageFolder(root=str(tmp_path)).prepare(data_dir)
    assert "warning" not in capsys.readouterr().out


@pytest.mark.parametrize("highest", [0, 40, 255])
def test_dark_images_of_8_bits_are_not_reported(tmp_path, data_dir, capsys, highest):
    save(tmp_path / "x.png", highest, np.uint8)
    ImageFolder(root=str(tmp_path)).prepare(data_dir)
    assert "warning" not in capsys.readouterr().out


def test_each_half_of_a_picture_is_looked_at(tmp_path, data_dir, capsys):
    pair = np.zeros((8, 16, 3), np.uint8)
    pair[:, :8], pair[:, 8:] = 200, 3
    (tmp_path / "train").mkdir()
    Image.fromarray(pair).save(tmp_path / "train" / "x.png")
    PairedFolder(root=str(tmp_path)).prepare(data_dir)
    printed = capsys.readouterr().out
    assert "images b are almost black" in printed
    assert "images a" not in printed
