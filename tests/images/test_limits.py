"""What reading an image may cost, and what is said of those that are not read."""

import functools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from pictures import COLORS, save, values
from PIL import Image

from jaxgan.errors import ImageError
from jaxgan.images import decoded
from jaxgan.images.files import read_image, read_size, write_image


def test_formats_that_are_not_read_say_what_to_do(tmp_path):
    for brand in (b"heic", b"heix", b"mif1", b"hevc"):
        (tmp_path / "x.heic").write_bytes(b"\0\0\0\x18ftyp" + brand + bytes(16))
        for read in (read_size, functools.partial(read_image, channels=3)):
            with pytest.raises(ImageError, match="is HEIC, which is not read: convert it to PNG"):
                read(tmp_path / "x.heic")


READ = """
import sys
from pathlib import Path
from jaxgan.errors import ImageError
from jaxgan.images.files import read_image
for file in sys.argv[1:]:
    try:
        read_image(Path(file), 3)
    except ImageError:
        pass
"""


def test_libraries_log_nothing(tmp_path):
    """What tifffile logs, and what the C of libtiff prints, of damaged files."""
    Image.effect_noise((64, 64), 50).convert("YCbCr").save(
        tmp_path / "lzw.tif", compression="tiff_lzw"
    )
    tifffile.imwrite(tmp_path / "plain.tif", COLORS, photometric="rgb")
    with tifffile.TiffFile(tmp_path / "lzw.tif") as opened:
        start = opened.pages.first.dataoffsets[0]
    for name, at in (("lzw.tif", start + 9), ("plain.tif", 4)):
        content = bytearray((tmp_path / name).read_bytes())
        content[at : at + 3] = b"\xff\xff\xff"
        (tmp_path / name).write_bytes(content)
    files = sorted(map(str, tmp_path.glob("*.tif")))
    done = subprocess.run([sys.executable, "-c", READ, *files], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_limit_of_pixels_is_not_pillows(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    for suffix in (".png", ".jpg", ".tiff", ".npy"):
        file = tmp_path / f"x{suffix}"
        write_image(file, COLORS)
        assert read_image(file, 3, max_pixels=48).shape == COLORS.shape
        assert read_size(file) == (8, 6)
        with pytest.raises(ImageError, match="6x8 pixels are more than the limit of 47: cut it"):
            read_image(file, 3, max_pixels=47)
        with pytest.raises(ImageError, match="more than the limit of 47"):
            read_image(file.read_bytes(), 3, max_pixels=47)
    write_image(tmp_path / "bands.tiff", values("float32", 8))
    with pytest.raises(ImageError, match="7x5 pixels of 8 channels are more than the limit of 69"):
        read_image(tmp_path / "bands.tiff", 8, max_pixels=69)
    assert read_image(tmp_path / "bands.tiff", 8, max_pixels=70).shape == (5, 7, 8)
    assert Image.MAX_IMAGE_PIXELS == 10


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "L", "1", "CMYK"])
def test_images_of_many_rows_are_read_as_small_ones_are(tmp_path, monkeypatch, mode, channels):
    """Rows are converted some at a time."""
    rgba = Image.fromarray(values("uint8", 4, 40, 30))
    name = "x.jpg" if mode == "CMYK" else "x.png"
    file = save(tmp_path, rgba.convert(mode), name)
    whole = read_image(file, channels)
    monkeypatch.setattr(decoded, "PIXELS_AT_A_TIME", 7 * 30)
    np.testing.assert_array_equal(read_image(file, channels), whole)


def test_large_images_take_little_more_memory_than_their_pixels(tmp_path):
    """As a PNG of 2^24 pixels; the measured program counts its own memory."""
    status = Path("/proc/self/status")
    if not status.exists():
        pytest.skip("needs /proc to measure memory")
    rgba = np.broadcast_to(values("uint8", 4, 1, 4096), (4096, 4096, 4))
    Image.fromarray(rgba).save(tmp_path / "x.png", compress_level=1)
    program = (
        "import sys, re; from pathlib import Path; from jaxgan.images.files import read_image\n"
        "status = Path('/proc/self/status')\n"
        "def peak(): return int(re.search(r'VmHWM:\\s+(\\d+)', status.read_text())[1])\n"
        "before = peak(); read_image(Path(sys.argv[1]), 3); print(peak() - before)"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "x.png")]
    kibibytes = int(subprocess.run(command, capture_output=True, check=True).stdout)
    assert kibibytes * 2**10 < 14 * rgba[..., 0].size  # 4 in Pillow, 4 decoded, 3 returned; rows
