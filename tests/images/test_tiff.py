"""TIFF files of every kind, whose pixels are known by construction."""

import io
import itertools

import numpy as np
import pytest
import tifffile
from PIL import Image

from jaxgan.errors import ImageError
from jaxgan.images.files import encode_image, read_image, read_size

RNG = np.random.default_rng(0)
HEIGHT, WIDTH = 24, 40  # a codec wants more than a few pixels
# How an upright image is stored, by what TIFF 6.0 says of the first row and the first column.
STORED = {
    1: lambda image: image,  # top, left
    2: lambda image: image[:, ::-1],  # top, right
    3: lambda image: image[::-1, ::-1],  # bottom, right
    4: lambda image: image[::-1],  # bottom, left
    5: lambda image: image.swapaxes(0, 1),  # left, top
    6: lambda image: image[:, ::-1].swapaxes(0, 1),  # right, top
    7: lambda image: image[::-1, ::-1].swapaxes(0, 1),  # right, bottom
    8: lambda image: image[::-1].swapaxes(0, 1),  # left, bottom
}
LOSSLESS = {
    None: {},
    "zlib": {},
    "lzw": {},
    "zstd": {},
    "lerc": {},
    "jpeg2000": {"reversible": True},
    "jpegxl": {"lossless": True},
    "webp": {"lossless": True},
}


def noise(dtype, channels, height=HEIGHT, width=WIDTH):
    if dtype == "float32":
        return RNG.normal(0, 1000, (height, width, channels)).astype(np.float32)
    return RNG.integers(0, np.iinfo(dtype).max, (height, width, channels), dtype, endpoint=True)


def write_tiff(file, samples, *, pages=1, orientation=1, planar="contig", **options):
    """Write samples as stored, and more pages that are not part of the image."""
    many = samples.shape[-1] > 1
    options["planarconfig"] = planar if many else None
    with tifffile.TiffWriter(file) as tiff:
        for page in (samples, *(samples[::-1] for _ in range(pages - 1))):
            stored = page if many else page[..., 0]
            tiff.write(
                np.moveaxis(stored, -1, 0) if many and planar == "separate" else stored,
                metadata=None,
                extratags=[(274, "H", 1, orientation, True)],
                **options,
            )


def construct(photometric, dtype):
    """Return an image, its samples in a color space, and options to write them."""
    if photometric == "palette":
        colors = RNG.integers(0, 255, (np.iinfo(dtype).max + 1, 3), np.uint8, endpoint=True)
        samples = noise(dtype, 1)
        return colors[samples[..., 0]], samples, {"colormap": colors.T.astype(np.uint16) * 257}
    if photometric == "separated":
        full = np.iinfo(dtype).max
        image = noise(dtype, 3)
        black = np.zeros((HEIGHT, WIDTH, 1), dtype)
        image[:5], black[:5] = 0, full  # there, the other inks do not matter
        samples = np.concatenate([full - image, black], axis=-1)
        samples[:5, ..., :3] = noise(dtype, 3)[:5]
        return image, samples, {}
    image = noise(dtype, 3 if photometric == "rgb" else 1)
    inverted = photometric == "miniswhite" and dtype != "float32"  # which has no white
    return image, np.iinfo(dtype).max - image if inverted else image, {}


KINDS = [
    *itertools.product(
        ("miniswhite", "minisblack", "rgb", "palette", "separated"), ("uint8", "uint16")
    ),
    *(("minisblack", "float32"), ("miniswhite", "float32"), ("rgb", "float32")),
]


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize(("photometric", "dtype"), KINDS)
def test_every_color_space_is_read_upright(tmp_path, photometric, dtype, orientation):
    image, samples, options = construct(photometric, dtype)
    stored = STORED[orientation](samples)
    file = tmp_path / "x.tif"
    write_tiff(file, stored, photometric=photometric, orientation=orientation, **options)
    read = read_image(file, image.shape[-1])
    assert read.dtype == image.dtype
    np.testing.assert_array_equal(read, image)
    assert read_size(file) == (HEIGHT, WIDTH)


def holds(compression, photometric, dtype, planar):
    """Return whether there are such files."""
    if planar == "separate" and photometric not in ("rgb", "separated"):
        return False
    if compression in ("jpeg2000", "jpegxl"):
        return photometric != "palette" and dtype != "float32"
    return compression != "webp" or (photometric, dtype, planar) == ("rgb", "uint8", "contig")


FILES = [
    (compression, *kind, planar)
    for compression, kind, planar in itertools.product(LOSSLESS, KINDS, ("contig", "separate"))
    if holds(compression, *kind, planar)
]


@pytest.mark.parametrize("pages", [1, 3])
@pytest.mark.parametrize(("compression", "photometric", "dtype", "planar"), FILES)
def test_every_compression_is_read(tmp_path, compression, photometric, dtype, planar, pages):
    image, samples, options = construct(photometric, dtype)
    options |= {"compression": compression, "compressionargs": LOSSLESS[compression]}
    file = tmp_path / "x.tif"
    write_tiff(file, samples, photometric=photometric, planar=planar, pages=pages, **options)
    np.testing.assert_array_equal(read_image(file, image.shape[-1]), image)
    assert read_size(file) == (HEIGHT, WIDTH)


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("bigtiff", [False, True])
@pytest.mark.parametrize(("photometric", "dtype"), KINDS)
def test_every_order_of_bytes_is_read(tmp_path, photometric, dtype, bigtiff, byteorder):
    image, samples, options = construct(photometric, dtype)
    file = tmp_path / "x.tif"
    kinds = {"bigtiff": bigtiff, "byteorder": byteorder}
    stored = samples[..., 0] if samples.shape[-1] == 1 else samples
    tifffile.imwrite(file, stored, photometric=photometric, tile=(16, 16), **kinds, **options)
    np.testing.assert_array_equal(read_image(file, image.shape[-1]), image)
    assert read_size(file) == (HEIGHT, WIDTH)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("channels", [2, 4])
def test_opacity_is_read_at_every_depth(tmp_path, dtype, channels):
    """Of gray and RGB, also where colors were multiplied with it; Pillow 13 reads 8 bits alike."""
    full = np.iinfo(dtype).max
    pixels = noise(dtype, channels)
    pixels[..., -1] = np.where(pixels[..., -1] > full // 2, full, 0)
    opaque = pixels[..., -1:] > 0
    over_white = np.broadcast_to(np.where(opaque, pixels[..., :-1], full), (HEIGHT, WIDTH, 3))
    photometric = "minisblack" if channels == 2 else "rgb"
    for kind in ("unassalpha", "assocalpha"):
        if kind == "assocalpha":
            pixels[..., :-1] *= opaque
        write_tiff(tmp_path / "x.tif", pixels, photometric=photometric, extrasamples=[kind])
        np.testing.assert_array_equal(read_image(tmp_path / "x.tif", 3), over_white)
        rgba = read_image(tmp_path / "x.tif", 4)
        np.testing.assert_array_equal(rgba[..., 3:], pixels[..., -1:])
    half = np.full((4, 4, channels), full // 2, dtype)  # white, half opaque
    write_tiff(tmp_path / "x.tif", half, photometric=photometric, extrasamples=["assocalpha"])
    assert (read_image(tmp_path / "x.tif", 3) == full).all()
    np.testing.assert_array_equal(
        read_image(tmp_path / "x.tif", 4)[0, 0], [full, full, full, full // 2]
    )


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_rgb_and_gray_get_opacity_if_it_is_wanted(tmp_path, dtype):
    for photometric, channels in (("rgb", 3), ("minisblack", 1)):
        image = noise(dtype, channels)
        write_tiff(tmp_path / "x.tif", image, photometric=photometric)
        read = read_image(tmp_path / "x.tif", 4)
        np.testing.assert_array_equal(read[..., :3], np.broadcast_to(image, read[..., :3].shape))
        assert (read[..., 3] == np.iinfo(dtype).max).all()
    write_tiff(tmp_path / "x.tif", noise("float32", 3), photometric="rgb")
    with pytest.raises(ImageError, match="has 3 channels in place of 4"):  # what is opaque there?
        read_image(tmp_path / "x.tif", 4)


@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
@pytest.mark.parametrize("bits", [1, 2, 4, 10, 12, 14])
def test_fewer_bits_are_scaled_to_all_of_8_or_16(tmp_path, bits, photometric):
    """As in Pillow for 1, 2 and 4 bits, which it reads."""
    dtype = np.uint8 if bits < 8 else np.uint16
    levels = RNG.integers(0, 2**bits, (HEIGHT, WIDTH, 1), dtype)
    samples = levels.astype(bool) if bits == 1 else levels
    write_tiff(tmp_path / "x.tif", samples, photometric=photometric, bitspersample=bits)
    full, most = np.iinfo(dtype).max, 2**bits - 1
    lit = most - levels if photometric == "miniswhite" else levels
    read = read_image(tmp_path / "x.tif", 1)
    np.testing.assert_array_equal(read, (lit / most * full).round())
    if bits < 8:
        with Image.open(tmp_path / "x.tif") as image:
            np.testing.assert_array_equal(read[..., 0], np.asarray(image.convert("L")))


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("compression", [None, "tiff_lzw", "jpeg"])
def test_ycbcr_is_read_as_pillow_reads_it(tmp_path, compression, orientation):
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    rgb = np.stack([4 * x, 8 * y, 2 * (x + y)], axis=-1).astype(np.uint8)
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](rgb))).convert("YCbCr")
    stored.save(tmp_path / "x.tif", compression=compression, tiffinfo={274: orientation})
    with tifffile.TiffFile(tmp_path / "x.tif") as tiff:
        assert tiff.pages.first.photometric == tifffile.PHOTOMETRIC.YCBCR
    read = read_image(tmp_path / "x.tif", 3)
    with Image.open(tmp_path / "x.tif") as image:
        np.testing.assert_array_equal(read, np.asarray(image.convert("RGB")))
    assert np.abs(read.astype(int) - rgb).mean() < 2
    assert read_size(tmp_path / "x.tif") == (HEIGHT, WIDTH)


def test_jpeg_in_tiff_is_read_as_pillow_reads_it(tmp_path):
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    rgb = Image.fromarray(np.stack([4 * x, 8 * y, 2 * (x + y)], axis=-1).astype(np.uint8))
    for mode in ("L", "RGB", "CMYK"):
        rgb.convert(mode).save(tmp_path / "x.tif", compression="jpeg", quality=80)
        with Image.open(tmp_path / "x.tif") as image:
            expected = np.asarray(image.convert("RGB"))
        np.testing.assert_array_equal(read_image(tmp_path / "x.tif", 3), expected)
    sampled = {"photometric": "rgb", "compression": "jpeg", "subsampling": (2, 2)}
    write_tiff(tmp_path / "x.tif", np.asarray(rgb), **sampled)
    with Image.open(tmp_path / "x.tif") as image:
        np.testing.assert_array_equal(read_image(tmp_path / "x.tif", 3), np.asarray(image))


@pytest.mark.parametrize("compression", ["group3", "group4", "tiff_ccitt", "packbits"])
def test_faxes_are_read(tmp_path, compression):
    bilevel = noise("uint8", 1)[..., 0] > 127
    Image.fromarray(bilevel).save(tmp_path / "x.tif", compression=compression)
    np.testing.assert_array_equal(read_image(tmp_path / "x.tif", 1)[..., 0], bilevel * 255)


def test_rgba_without_a_tag_is_rgba(tmp_path):
    """As in Pillow."""
    for dtype in ("uint8", "uint16"):
        rgba = noise(dtype, 4)
        write_tiff(tmp_path / "x.tif", rgba, photometric="rgb", extrasamples=["unassalpha"])
        content = (tmp_path / "x.tif").read_bytes()
        tag = np.array([338, 3], "<u2").tobytes()
        assert content.count(tag) == 1
        untagged = content.replace(tag, np.array([65000, 3], "<u2").tobytes())
        (tmp_path / "x.tif").write_bytes(untagged)
        np.testing.assert_array_equal(read_image(tmp_path / "x.tif", 4), rgba)
        over_white = read_image(tmp_path / "x.tif", 3)
        (tmp_path / "x.tif").write_bytes(content)
        np.testing.assert_array_equal(read_image(tmp_path / "x.tif", 3), over_white)


def test_a_file_of_a_palette_and_opacity_is_read(tmp_path):
    image = Image.new("PA", (2, 1))
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putpixel((1, 0), (1, 255))
    image.save(tmp_path / "x.tif")
    np.testing.assert_array_equal(read_image(tmp_path / "x.tif", 3), [[[255] * 3, [200, 100, 50]]])


@pytest.mark.parametrize("compression", [*LOSSLESS, "jpeg"])
def test_files_that_were_cut_off_say_so(tmp_path, compression):
    file = io.BytesIO()
    options = {"photometric": "rgb", "compression": compression, "rowsperstrip": 16}
    write_tiff(file, noise("uint8", 3, 64, 64), **options)
    for share in (0.2, 0.5, 0.9):
        (tmp_path / "x.tif").write_bytes(file.getvalue()[: int(share * len(file.getvalue()))])
        with pytest.raises(ImageError):
            read_image(tmp_path / "x.tif", 3)


def test_color_spaces_that_cannot_be_read_say_so(tmp_path):
    write_tiff(tmp_path / "x.tif", noise("uint8", 3), photometric="linear_raw", planar="contig")
    with pytest.raises(ImageError, match="not an image"):
        read_image(tmp_path / "x.tif", 3)
    write_tiff(tmp_path / "x.tif", noise("float32", 4), photometric="separated")
    with pytest.raises(ImageError, match="CMYK of float32"):
        read_image(tmp_path / "x.tif", 3)


def test_sizes_are_known_without_decoding(tmp_path, monkeypatch):
    write_tiff(tmp_path / "x.tif", noise("uint8", 3), photometric="rgb", orientation=6)
    (tmp_path / "y.tif").write_bytes(encode_image(noise("uint16", 5)))
    for kind in (tifffile.TiffPage, tifffile.TiffPageSeries):
        monkeypatch.delattr(kind, "asarray")
    assert read_size(tmp_path / "x.tif") == (WIDTH, HEIGHT)
    assert read_size(tmp_path / "y.tif") == (HEIGHT, WIDTH)
