"""Damaged image files, made from a seed, and a program that reads them."""

import io
import json
import struct
import sys
import tempfile
import time
import warnings
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
import tifffile
from fuzzing import report
from PIL import Image

from jaxgan.errors import ImageError
from jaxgan.images.files import Header, read_header, read_image

MAX_PIXELS = 2**22
ABSURD = (0, 1, 2**15, 2**16 - 1, 2**24, 2**31 - 1, 2**31, 2**32 - 1)


def make_images():
    """Return contents of good files by their ending."""
    rng = np.random.default_rng(0)
    smooth = np.add.outer(np.arange(40), np.arange(56))[..., None] * np.array([1, 2, 3])
    rgb = (smooth + rng.integers(0, 9, smooth.shape)).astype(np.uint8)
    rgba = np.concatenate([rgb, rgb[..., :1]], axis=-1)
    picture, deep = Image.fromarray(rgb), rgb.astype(np.uint16) * 257
    images: dict[str, list[bytes]] = {}

    def pillow(suffix, image, name, **options):
        with io.BytesIO() as buffer:
            image.save(buffer, name, **options)
            images.setdefault(suffix, []).append(buffer.getvalue())

    def tiff(image, **options):
        with io.BytesIO() as buffer:
            tifffile.imwrite(buffer, image, **options)
            images.setdefault(".tif", []).append(buffer.getvalue())

    def npy(array):
        with io.BytesIO() as buffer:
            np.save(buffer, array)
            images.setdefault(".npy", []).append(buffer.getvalue())

    for image in (picture, Image.fromarray(rgba), picture.quantize(), picture.convert("1")):
        pillow(".png", image, "png")
    images[".png"] += [imagecodecs.png_encode(image) for image in (deep, deep[..., 0].copy())]
    for mode in ("RGB", "L", "CMYK"):
        pillow(".jpg", picture.convert(mode), "jpeg")
    pillow(".jpg", picture, "jpeg", progressive=True)
    pillow(".webp", picture, "webp")
    pillow(".webp", Image.fromarray(rgba), "webp", lossless=True)
    pillow(".gif", picture.quantize(), "gif")
    pillow(".bmp", picture, "bmp")
    for mode, compression in (("1", "group4"), ("1", "group3"), ("YCbCr", "tiff_lzw")):
        pillow(".tif", picture.convert(mode), "tiff", compression=compression)
    for compression in (None, "zlib", "lzw", "jpeg", "packbits", "zstd"):
        tiff(rgb, photometric="rgb", compression=compression)
    tiff(deep, photometric="rgb", tile=(16, 16), compression="zlib", predictor=True)
    tiff(np.moveaxis(deep, -1, 0), photometric="rgb", planarconfig="separate")
    tiff(rgb.astype(np.float32), photometric="rgb", compression="zlib", bigtiff=True)
    tiff(rng.normal(size=(6, 20, 24)).astype(np.float32), photometric="minisblack")
    for array in (rgb, deep, rgb.astype(np.float64), np.asfortranarray(deep), rgb[..., 0] > 9):
        npy(array)
    for shape in ((), (7,), (0, 4, 3), (2, 3, 4, 5)):
        npy(np.zeros(shape, np.float32))
    return images


def damage(rng, images):
    """Return the ending and content of a damaged file."""
    suffix = rng.choice(list(images))
    content = bytearray(images[suffix][rng.integers(len(images[suffix]))])
    start = min(len(content), 256)  # where the headers of most formats are
    match rng.integers(6):
        case 0:
            del content[rng.integers(len(content)) :]
        case 1:
            for _ in range(rng.integers(1, 9)):
                content[rng.integers(start if rng.random() < 0.7 else len(content))] = rng.integers(
                    256
                )
        case 2:
            other = images[rng.choice(list(images))][0]
            content[rng.integers(start) :] = other[rng.integers(len(other)) :]
        case 3:
            at = rng.integers(len(content))
            content[at:at] = rng.bytes(rng.integers(1, 40))
        case 4:
            at = rng.integers(len(content))
            del content[at : at + rng.integers(1, 40)]
        case 5:
            content = resize(rng, suffix, content)
    return suffix, bytes(content)


def resize(rng, suffix, content):
    """Return a file whose header names an absurd size."""
    height, width = (int(rng.choice(ABSURD)) for _ in range(2))
    match suffix:
        case ".png":
            struct.pack_into(">II", content, 16, width, height)
            struct.pack_into(">I", content, 29, zlib.crc32(content[12:29]))
        case ".jpg":
            at = max(content.find(bytes([255, 192])), content.find(bytes([255, 194])))
            struct.pack_into(">HH", content, at + 5, height & 0xFFFF, width & 0xFFFF)
        case ".gif":
            struct.pack_into("<HH", content, 6, width & 0xFFFF, height & 0xFFFF)
        case ".bmp":
            struct.pack_into("<II", content, 18, width, height)
        case ".webp":
            at = content.find(b"VP8")
            content[at + 8 : at + 18] = rng.bytes(10)
        case ".tif":  # any tag: sizes, bits, samples, strips, offsets, compression, ...
            with tifffile.TiffFile(io.BytesIO(bytes(content))) as tiff:
                tags = list(tiff.pages.first.tags)
                byteorder = tiff.byteorder
            tag = tags[rng.integers(len(tags))]
            code = "H" if tag.dtype == 3 else "I"
            value = height & 0xFFFF if code == "H" else height
            struct.pack_into(byteorder + code, content, tag.valueoffset, value)
        case ".npy":
            shape = str(tuple(int(n) for n in rng.choice((-1, *ABSURD), rng.integers(4))))
            header = b"\x93NUMPY\x01\x00" + struct.pack("<H", 118)
            kind = rng.choice(["|u1", "<f8", "<u2", "|O", "<c8", "|S9", "<M8[s]", "|V4096"])
            text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}"
            content = bytearray(header + text.ljust(117).encode() + b"\n" + content[128:])
    return content


def main(seed, count):
    """Read damaged files; print what came of them."""
    warnings.filterwarnings("ignore", module=r"PIL\.")  # as the commands do
    images, rng = make_images(), np.random.default_rng(seed)
    outcomes = {"images": 0, "errors": 0, "slowest": 0.0}
    with tempfile.TemporaryDirectory() as folder:
        for index in range(count):
            suffix, content = damage(rng, images)
            file = Path(folder) / f"case{suffix}"
            file.write_bytes(content)
            print(json.dumps({"case": index}), flush=True)  # the last one, if this ends the process
            start = time.monotonic()
            for read in (
                lambda file=file: read_header(file),
                lambda file=file: read_image(file, 3, max_pixels=MAX_PIXELS),
                lambda file=file: read_image(file, 1, nodata=0, max_pixels=MAX_PIXELS),
            ):
                try:
                    image = read()
                except ImageError as error:
                    if isinstance(error.__cause__, MemoryError) or "\n" in str(error):
                        raise
                    outcomes["errors"] += 1
                else:
                    size = image.size if isinstance(image, Header) else image.shape[:2]
                    assert min(size) > 0, (index, size)
                    outcomes["images"] += 1
            outcomes["slowest"] = max(outcomes["slowest"], time.monotonic() - start)
    report(outcomes)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
