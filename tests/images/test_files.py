"""Images of every kind from files and back."""

import io
import struct
import zlib

import imagecodecs
import numpy as np
import pytest
import tifffile
from pictures import COLORS, RNG, save, values
from PIL import Image, ImageOps

from jaxgan.errors import ImageError
from jaxgan.images.files import (
    apply_pillow,
    deepest,
    encode_image,
    read_image,
    read_size,
    write_image,
)


def test_rgb_is_read_as_it_is(tmp_path):
    file = save(tmp_path, Image.fromarray(COLORS))
    np.testing.assert_array_equal(read_image(file, 3), COLORS)
    np.testing.assert_array_equal(read_image(file.read_bytes(), 3), COLORS)


def test_gray_becomes_three_equal_channels_and_rgb_its_luma(tmp_path):
    gray = save(tmp_path, Image.fromarray(COLORS[..., 0]), "gray.png")
    np.testing.assert_array_equal(read_image(gray, 3), np.repeat(COLORS[..., :1], 3, axis=-1))
    np.testing.assert_array_equal(read_image(gray, 1), COLORS[..., :1])
    color = save(tmp_path, Image.fromarray(COLORS))
    luma = np.asarray(Image.fromarray(COLORS).convert("L"), int)  # Pillow's
    assert np.abs(read_image(color, 1)[..., 0] - luma).max() <= 1


def test_palettes_are_resolved(tmp_path):
    palette = Image.new("P", (2, 1))
    palette.putpalette([10, 20, 30, 200, 100, 50])
    palette.putpixel((1, 0), 1)
    image = read_image(save(tmp_path, palette), 3)
    np.testing.assert_array_equal(image, [[[10, 20, 30], [200, 100, 50]]])


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_transparent_parts_become_white(tmp_path, mode):
    rgba = Image.new("RGBA", (2, 1), (0, 0, 0, 0))
    rgba.putpixel((1, 0), (0, 0, 0, 255))
    image = rgba.convert(mode) if mode != "PA" else rgba.quantize()
    read = read_image(save(tmp_path, image), 3)
    np.testing.assert_array_equal(read, [[[255] * 3, [0] * 3]])


def test_opacity_can_be_the_fourth_channel(tmp_path):
    rgba = values("uint8", 4)
    np.testing.assert_array_equal(read_image(save(tmp_path, Image.fromarray(rgba)), 4), rgba)
    opaque = read_image(save(tmp_path, Image.fromarray(COLORS)), 4)
    np.testing.assert_array_equal(opaque[..., :3], COLORS)
    assert (opaque[..., 3] == 255).all()


def test_cmyk_is_converted(tmp_path):
    image = Image.new("CMYK", (4, 4), (255, 0, 0, 0))
    read = read_image(save(tmp_path, image, "image.jpg", quality=100), 3)
    np.testing.assert_allclose(read[0, 0], [0, 255, 255], atol=2)


def test_a_rotation_noted_in_exif_is_carried_out(tmp_path):
    image = Image.fromarray(COLORS)
    exif = image.getexif()
    exif[0x0112] = 6  # the top of the picture is at the right of the pixels
    file = save(tmp_path, image, exif=exif)
    np.testing.assert_array_equal(read_image(file, 3), np.rot90(COLORS, -1))
    assert read_size(file) == (6, 8)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_deep_images_are_turned_as_pillow_turns_others(tmp_path, orientation):
    shallow, tag = Image.fromarray(COLORS), 0x0112
    shallow.getexif()[tag] = orientation
    upright = np.asarray(ImageOps.exif_transpose(shallow)).astype(np.uint16)
    deep = COLORS.astype(np.uint16)
    tag_in_tiff = (tag, "H", 1, orientation, True)
    tifffile.imwrite(tmp_path / "a.tif", deep, photometric="rgb", extratags=[tag_in_tiff])
    exif = Image.Exif()
    exif[tag] = orientation
    data = b"eXIf" + exif.tobytes().removeprefix(b"Exif\0\0")
    chunk = struct.pack(">I", len(data) - 4) + data + struct.pack(">I", zlib.crc32(data))
    png = imagecodecs.png_encode(deep)
    (tmp_path / "a.png").write_bytes(png[:33] + chunk + png[33:])  # after the header
    (tmp_path / "b.png").write_bytes(png[:-12] + chunk + png[-12:])  # before the end
    for file in (tmp_path / "a.tif", tmp_path / "a.png", tmp_path / "b.png"):
        np.testing.assert_array_equal(read_image(file, 3), upright)
        assert read_size(file) == upright.shape[:2]


def test_the_size_of_a_png_is_known_without_its_pixels(tmp_path):
    whole = encode_image(RNG.integers(0, 255, (64, 48, 3), np.uint8))
    (tmp_path / "x.png").write_bytes(whole[: len(whole) // 2])
    assert read_size(tmp_path / "x.png") == (64, 48)


HELD = [
    (suffix, dtype, channels)
    for suffix, dtypes, counts in (
        (".png", ("uint8", "uint16"), (1, 3, 4)),
        (".tiff", ("uint8", "uint16", "float32"), (1, 2, 3, 4, 7)),
        (".npy", ("uint8", "uint16", "float32"), (1, 3, 7)),
        (".bmp", ("uint8",), (1, 3)),
    )
    for dtype in dtypes
    for channels in counts
]


@pytest.mark.parametrize(("suffix", "dtype", "channels"), HELD)
def test_what_is_written_is_read_again(tmp_path, suffix, dtype, channels):
    image = values(dtype, channels)
    file = tmp_path / f"image{suffix}"
    write_image(file, image)
    read = read_image(file, channels)
    assert read.dtype == dtype
    np.testing.assert_array_equal(read, image)
    assert read_size(file) == (5, 7)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 7])
def test_prepared_images_lose_nothing(dtype, channels):
    image = values(dtype, channels)
    np.testing.assert_array_equal(read_image(encode_image(image), channels), image)


def test_sixteen_bits_that_others_wrote_are_read(tmp_path):
    color, with_alpha = values("uint16", 3), values("uint16", 4)
    with_alpha[..., 3] = [65535, 0, 65535, 0, 65535, 0, 65535]
    (tmp_path / "color.png").write_bytes(imagecodecs.png_encode(color))
    np.testing.assert_array_equal(read_image(tmp_path / "color.png", 3), color)
    (tmp_path / "alpha.png").write_bytes(imagecodecs.png_encode(with_alpha))
    over_white = np.where(with_alpha[..., 3:] > 0, with_alpha[..., :3], 65535)
    np.testing.assert_array_equal(read_image(tmp_path / "alpha.png", 3), over_white)
    tifffile.imwrite(tmp_path / "a.tif", with_alpha, photometric="rgb", extrasamples=["unassalpha"])
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif", 3), over_white)
    planes = np.moveaxis(color, -1, 0)
    tifffile.imwrite(tmp_path / "b.tif", planes, photometric="rgb", planarconfig="separate")
    np.testing.assert_array_equal(read_image(tmp_path / "b.tif", 3), color)
    assert read_size(tmp_path / "b.tif") == (5, 7)


def test_a_transparent_gray_is_white_at_16_bits_too(tmp_path):
    gray = np.uint16([[[1000], [2000]]])
    data = b"tRNS" + struct.pack(">H", 1000)
    chunk = struct.pack(">I", 2) + data + struct.pack(">I", zlib.crc32(data))
    png = imagecodecs.png_encode(gray)
    (tmp_path / "x.png").write_bytes(png[:33] + chunk + png[33:])
    np.testing.assert_array_equal(read_image(tmp_path / "x.png", 1), [[[65535], [2000]]])


def test_channels_of_arrays_in_tiff_are_the_shorter_axis(tmp_path):
    image = values("float32", 4, height=6, width=9)
    for name, array in (("last.tif", image), ("first.tif", np.moveaxis(image, -1, 0))):
        tifffile.imwrite(tmp_path / name, array, photometric="minisblack")
        np.testing.assert_array_equal(read_image(tmp_path / name, 4), image)
        assert read_size(tmp_path / name) == (6, 9)


def test_other_numbers_become_floats(tmp_path):
    for dtype in (np.int16, np.float64, np.int32):
        np.save(tmp_path / "x.npy", np.array([[-3, 5]], dtype))
        read = read_image(tmp_path / "x.npy", 1)
        assert read.dtype == np.float32
        np.testing.assert_array_equal(read[..., 0], [[-3, 5]])


@pytest.mark.parametrize("suffix", [".npy", ".tiff"])
def test_nodata_takes_the_place_of_nan(tmp_path, suffix):
    heights = values("float32", 2)
    holes = RNG.random(heights.shape) < 0.5
    write_image(tmp_path / f"x{suffix}", np.where(holes, np.float32("nan"), heights))
    with pytest.raises(ImageError, match="not finite: set nodata to what NaN becomes"):
        read_image(tmp_path / f"x{suffix}", 2)
    read = read_image(tmp_path / f"x{suffix}", 2, nodata=-1)
    np.testing.assert_array_equal(read, np.where(holes, np.float32(-1), heights))


@pytest.mark.parametrize(("suffix", "width"), [(".webp", 2**14), (".jpg", 2**16)])
def test_images_that_are_too_large_for_a_format_leave_no_file(tmp_path, suffix, width):
    with pytest.raises(ImageError, match=rf"{suffix} does not hold {width}x1 pixels"):
        write_image(tmp_path / f"x{suffix}", np.zeros((1, width, 3), np.uint8))
    assert not list(tmp_path.iterdir())


def test_formats_say_what_they_hold(tmp_path):
    assert deepest(".jpg", 3) == "uint8"
    assert deepest(".jpg", 4) is None
    assert deepest(".png", 4) == "uint16"
    assert deepest(".png", 2) is deepest(".png", 5) is None
    assert deepest(".tiff", 5) == "float32"
    assert deepest(".txt", 3) is None
    with pytest.raises(ImageError, match="jpg does not hold 5 channels: choose tiff or npy"):
        write_image(tmp_path / "x.jpg", values("uint8", 5))


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_images_of_every_kind_are_resized_alike(dtype):
    """A ramp stays one; constant channels stay as they are."""
    ramp = np.broadcast_to(np.arange(0, 200, 10)[None, :, None], (10, 20, 5)).astype(dtype)
    halved = apply_pillow(ramp, lambda image: image.resize((10, 5), Image.Resampling.BILINEAR))
    assert halved.dtype == dtype
    assert halved.shape == (5, 10, 5)
    np.testing.assert_allclose(halved[2, 1:-1, 3], np.arange(0, 200, 20)[1:-1] + 5, atol=0.5)
    rgb = apply_pillow(ramp[..., :3].astype(np.uint8), lambda image: image.resize((10, 5)))
    many = apply_pillow(ramp.astype(np.uint8), lambda image: image.resize((10, 5)))
    assert np.abs(rgb.astype(int) - many[..., :3]).max() <= 1


def test_files_that_are_no_images_say_why(tmp_path):
    whole = encode_image(RNG.integers(0, 255, (64, 64, 3), np.uint8))
    jpeg, stack, nan, complex_, flat = (io.BytesIO() for _ in range(5))
    Image.fromarray(COLORS).resize((200, 200)).save(jpeg, "jpeg")
    tifffile.imwrite(stack, np.zeros((3, 2, 8, 8), np.uint16))
    np.save(nan, np.full((2, 2), np.nan))
    np.save(complex_, np.zeros((2, 2), complex))
    np.save(flat, np.zeros(4))
    broken = {
        b"": "not an image",
        b"hello": "not an image",
        whole[: len(whole) // 2]: "truncated",
        jpeg.getvalue()[:1000]: "truncated",
        stack.getvalue(): "not one image",
        nan.getvalue(): "not finite",
        complex_.getvalue(): "complex128",
        flat.getvalue(): "not an image of height, width and channels",
        encode_image(values("uint16", 5)): "has 5 channels in place of 3",
    }
    for content, reason in broken.items():
        file = tmp_path / "broken.png"
        file.write_bytes(content)
        with pytest.raises(ImageError, match=reason):
            read_image(file, 3)
