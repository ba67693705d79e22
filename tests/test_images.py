import io

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jaxgan.images import ImageError, encode_png, from_uint8, grid, read_rgb, to_uint8

COLORS = np.arange(8 * 6 * 3, dtype=np.uint8).reshape(8, 6, 3)


def save(tmp_path, image, name="image.png", **options):
    image.save(tmp_path / name, **options)
    return tmp_path / name


def test_rgb_is_read_as_it_is(tmp_path):
    file = save(tmp_path, Image.fromarray(COLORS))
    np.testing.assert_array_equal(read_rgb(file), COLORS)
    np.testing.assert_array_equal(read_rgb(file.read_bytes()), COLORS)


def test_gray_becomes_three_equal_channels(tmp_path):
    image = np.asarray(read_rgb(save(tmp_path, Image.fromarray(COLORS[..., 0]))))
    np.testing.assert_array_equal(image, np.repeat(COLORS[..., :1], 3, axis=-1))


def test_palettes_are_resolved(tmp_path):
    palette = Image.new("P", (2, 1))
    palette.putpalette([10, 20, 30, 200, 100, 50])
    palette.putpixel((1, 0), 1)
    image = np.asarray(read_rgb(save(tmp_path, palette)))
    np.testing.assert_array_equal(image, [[[10, 20, 30], [200, 100, 50]]])


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_transparent_parts_become_white(tmp_path, mode):
    rgba = Image.new("RGBA", (2, 1), (0, 0, 0, 0))
    rgba.putpixel((1, 0), (0, 0, 0, 255))
    image = rgba.convert(mode) if mode != "PA" else rgba.quantize()
    read = np.asarray(read_rgb(save(tmp_path, image)))
    np.testing.assert_array_equal(read, [[[255] * 3, [0] * 3]])


def test_sixteen_bits_are_scaled_to_eight(tmp_path):
    wide = np.array([[0, 257, 65535 - 257, 65535]], np.uint16)
    image = np.asarray(read_rgb(save(tmp_path, Image.fromarray(wide))))
    np.testing.assert_array_equal(image[0, :, 0], [0, 1, 254, 255])


def test_cmyk_is_converted(tmp_path):
    image = Image.new("CMYK", (4, 4), (255, 0, 0, 0))
    read = np.asarray(read_rgb(save(tmp_path, image, "image.jpg", quality=100)))
    np.testing.assert_allclose(read[0, 0], [0, 255, 255], atol=2)


def test_a_rotation_noted_in_exif_is_carried_out(tmp_path):
    image = Image.fromarray(COLORS)
    exif = image.getexif()
    exif[0x0112] = 6  # the top of the picture is at the right of the pixels
    file = save(tmp_path, image, exif=exif)
    np.testing.assert_array_equal(read_rgb(file), np.rot90(COLORS, -1))


def test_files_that_are_no_images_say_why(tmp_path):
    whole = encode_png(
        Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))
    )
    jpeg = io.BytesIO()
    Image.fromarray(COLORS).resize((200, 200)).save(jpeg, "jpeg")
    broken = {
        b"": "not an image",
        b"hello": "not an image",
        whole[: len(whole) // 2]: "truncated",
        jpeg.getvalue()[:1000]: "truncated",
    }
    for content, reason in broken.items():
        file = tmp_path / "broken.png"
        file.write_bytes(content)
        with pytest.raises(ImageError, match=reason):
            read_rgb(file)
    with pytest.raises(ImageError, match="range"):
        read_rgb(save(tmp_path, Image.fromarray(np.ones((2, 2), np.float32)), "float.tiff"))


def test_uint8_and_back_is_the_identity():
    values = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    images = from_uint8(jnp.asarray(values))
    assert images.min() == -1
    assert images.max() == 1
    np.testing.assert_array_equal(to_uint8(np.asarray(images)), values)


def test_to_uint8_rounds_and_clips():
    np.testing.assert_array_equal(
        to_uint8(np.array([-2.0, -1.0, 0.0, 1.0, 2.0])), [0, 0, 128, 255, 255]
    )


def test_a_grid_shows_columns_side_by_side_and_rows_below_each_other():
    red = np.broadcast_to([1.0, -1, -1], (2, 64, 64, 3))
    gray = np.zeros((2, 64, 64, 1))
    many = np.broadcast_to([-1.0, -1, 1, 1, 1], (2, 64, 64, 5))
    picture = np.asarray(grid({"red": [*red], "gray": [*gray], "many": [*many]}))
    assert picture.shape == (14 + 2 * 66, 3 * 64 + 2 * 2, 3)
    for row in (14 + 32, 14 + 66 + 32):
        np.testing.assert_array_equal(picture[row, 32], [255, 0, 0])
        np.testing.assert_array_equal(picture[row, 66 + 32], [128, 128, 128])
        np.testing.assert_array_equal(picture[row, 132 + 32], [0, 0, 255])
    assert (picture[:14] < 128).any()  # the headings
