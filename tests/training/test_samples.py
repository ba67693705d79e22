import numpy as np
import pytest
from PIL import Image

from jaxgan.training.samples import find_samples, read_layout, write_sample

BLACK = [np.full((8, 6, 3), -1.0)] * 2


def test_a_file_has_the_picture_and_where_its_images_are(tmp_path):
    (tmp_path / "samples").mkdir()
    write_sample(tmp_path, 20, {"real <A>": BLACK, "\u00e9": BLACK})
    ((step, file),) = find_samples(tmp_path)
    assert (step, file.name) == (20, "step_00000020.png")
    assert read_layout(file) == {
        "size": [14, 18],
        "columns": ["real <A>", "\u00e9"],
        "boxes": [[[0, 0, 6, 8], [8, 0, 6, 8]], [[0, 10, 6, 8], [8, 10, 6, 8]]],
    }
    with Image.open(file) as picture:
        assert picture.size == (14, 18)


@pytest.mark.parametrize("size", [0, 7, 8, 20, 33, 60])
def test_a_file_that_was_cut_off_has_no_layout(tmp_path, size):
    (tmp_path / "samples").mkdir()
    write_sample(tmp_path, 1, {"input": BLACK})
    ((_, file),) = find_samples(tmp_path)
    file.write_bytes(file.read_bytes()[:size])
    assert read_layout(file) is None


LAYOUTS = [
    *('{"size": [2, 2], "columns": ["a"]}', "[]", "5", "{", "[" * 100_000),
    *(
        f'{{"size": [2, 2], "columns": ["a"], "boxes": {boxes}}}'
        for boxes in ("[[]]", "[5]", "[[[1]]]")
    ),
    '{"size": [2, 2], "columns": ["a"], "boxes": [[[0, 0, "x", 2]]]}',
    '{"size": [2, 2], "columns": [5], "boxes": [[[0, 0, 2, 2]]]}',
]


@pytest.mark.parametrize("layout", LAYOUTS, ids=range(len(LAYOUTS)))
def test_a_layout_of_another_form_is_ignored(tmp_path, layout):
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text("jaxgan.layout", layout)
    Image.new("RGB", (2, 2)).save(tmp_path / "x.png", pnginfo=info)
    assert read_layout(tmp_path / "x.png") is None


def test_a_picture_of_another_program_or_a_folder_has_no_layout(tmp_path):
    Image.new("RGB", (2, 2)).save(tmp_path / "x.png")
    (tmp_path / "y.png").mkdir()
    assert read_layout(tmp_path / "x.png") is None
    assert read_layout(tmp_path / "y.png") is None
