"""TIFF files of several pages, and pixels without data."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from jaxgan.errors import ImageError
from jaxgan.images.files import read_image, read_size

RNG = np.random.default_rng(0)
HEIGHT, WIDTH = 24, 40
DEPTHS = ("uint8", "uint16", "float32")


def draw(dtype, channels):
    return RNG.integers(0, 256, (HEIGHT, WIDTH, channels)).astype(dtype)


@pytest.mark.parametrize("dtype", DEPTHS)
@pytest.mark.parametrize(
    ("options", "joined"),
    [
        ({}, True),  # an array: all of it is the image
        ({"metadata": {"axes": "CYX"}}, True),
        ({"imagej": True, "metadata": {"axes": "CYX"}}, True),
        ({"ome": True, "metadata": {"axes": "CYX"}}, True),
        ({"metadata": None}, False),
        ({"metadata": {"axes": "ZYX"}}, False),
        ({"imagej": True, "metadata": {"axes": "TYX"}}, False),
        ({"ome": True, "metadata": {"axes": "ZYX"}}, False),
    ],
)
def test_pages_are_channels_only_if_the_file_says_so(tmp_path, dtype, options, joined):
    """Whatever the depth; else the first page is the image."""
    pages = np.moveaxis(draw(dtype, 5), -1, 0)
    file = tmp_path / "x.tif"
    tifffile.imwrite(file, pages, photometric="minisblack", **options)
    assert read_size(file) == (HEIGHT, WIDTH)
    expected = np.moveaxis(pages, 0, -1) if joined else pages[0][..., None]
    np.testing.assert_array_equal(read_image(file, expected.shape[-1]), expected)
    found, wanted = (5, 1) if joined else (1, 5)
    with pytest.raises(ImageError, match=f"has {found} channels in place of {wanted}"):
        read_image(file, wanted)


@pytest.mark.parametrize("mode", ["1", "L", "I;16", "F", "RGB", "P"])
def test_the_first_page_is_the_image(tmp_path, mode):
    first, *others = (Image.new(mode, (WIDTH, HEIGHT), 1 + page) for page in range(3))
    first.save(tmp_path / "one.tif")
    first.save(tmp_path / "three.tif", save_all=True, append_images=others)
    for channels in (1, 3):
        np.testing.assert_array_equal(
            *(read_image(tmp_path / f"{name}.tif", channels) for name in ("one", "three"))
        )
    assert read_size(tmp_path / "three.tif") == (HEIGHT, WIDTH)


def test_pages_that_are_joined_do_not_become_luma(tmp_path):
    tifffile.imwrite(tmp_path / "x.tif", draw("uint16", 3).transpose(2, 0, 1), imagej=True)
    with pytest.raises(ImageError, match="has 3 channels in place of 1"):
        read_image(tmp_path / "x.tif", 1)


@pytest.mark.parametrize("dtype", DEPTHS)
def test_a_lone_first_axis_is_not_in_the_way(tmp_path, dtype):
    image = draw(dtype, 1)
    for array in (image[..., 0], image[..., 0][None], image[..., 0][None, None], image):
        tifffile.imwrite(tmp_path / "x.tif", array, photometric="minisblack")
        np.testing.assert_array_equal(read_image(tmp_path / "x.tif", 1), image)
        assert read_size(tmp_path / "x.tif") == (HEIGHT, WIDTH)


@pytest.mark.parametrize("dtype", DEPTHS)
def test_the_value_of_gdals_tag_is_no_data(tmp_path, dtype):
    heights = draw(dtype, 1)
    heights[:3] = marker = 7
    tag = (42113, "s", 0, f"{marker} ", True)
    tifffile.imwrite(tmp_path / "x.tif", heights[..., 0], extratags=[tag])
    np.testing.assert_array_equal(read_image(tmp_path / "x.tif", 1), heights)
    expected = np.where(heights == marker, np.float32(-1.5), heights)
    np.testing.assert_array_equal(read_image(tmp_path / "x.tif", 1, nodata=-1.5), expected)


def test_a_marker_beyond_float32_is_no_data(tmp_path):
    """GDAL marks by the lowest number of the file's depth."""
    heights = np.array([[1.0, np.finfo(np.float64).min]])
    tag = (42113, "s", 0, f"{heights[0, 1]}", True)
    tifffile.imwrite(tmp_path / "x.tif", heights, extratags=[tag])
    np.testing.assert_array_equal(read_image(tmp_path / "x.tif", 1, nodata=0)[..., 0], [[1, 0]])
    with pytest.raises(ImageError, match="not finite"):
        read_image(tmp_path / "x.tif", 1)
