"""Damaged image files are images or errors of one line: no crash, and bounded memory."""

import fuzz_images
import numpy as np
import pytest
from fuzzing import run

import jaxgan
from jaxgan.images.files import read_image, write_image
from jaxgan.inference import folder as translate


def read(seed, count):
    outcomes = run(fuzz_images.__file__, seed, count)
    assert outcomes["images"] > count / 2  # of three readings each
    assert outcomes["mebibytes"] < 700  # 240, 200 of which are Python with JAX


def test_damaged_files_are_images_or_errors():
    read(seed=0, count=200)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 6))
def test_many_damaged_files_are_images_or_errors(seed):
    read(seed, count=10_000)


def test_damaged_files_do_not_keep_others_from_being_translated(runs, tmp_path, monkeypatch):
    images, rng = fuzz_images.make_images(), np.random.default_rng(1)
    source, output = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    for index in range(60):
        suffix, content = fuzz_images.damage(rng, images)
        (source / f"{index:02}{suffix}").write_bytes(content)
    good = rng.integers(0, 255, (8, 9, 3), np.uint8)
    for name in ("aa.png", "zz.png"):
        write_image(source / name, good)
    # The network is left out: each of the many sizes would have to be compiled.
    monkeypatch.setattr(translate, "_translate", lambda model, direction, images, *_: images)
    options = translate.Options(max_pixels=fuzz_images.MAX_PIXELS)
    written, failed = translate.translate_files(
        jaxgan.load(runs["cyclegan"]), source, output, options
    )
    assert written + len(failed) == 62
    assert written > 2
    for line in failed:
        assert line.startswith(str(source))
    for name in ("aa.png", "zz.png"):
        np.testing.assert_array_equal(read_image(output / name, 3), good)
