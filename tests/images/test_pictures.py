import numpy as np

from jaxgan.images.pictures import grid, to_uint8


def test_to_uint8_rounds_and_clips():
    np.testing.assert_array_equal(
        to_uint8(np.array([-2.0, -1.0, 0.0, 1.0, 2.0])), [0, 0, 128, 255, 255]
    )


def test_a_grid_shows_columns_side_by_side_and_rows_below_each_other():
    red = np.broadcast_to([1.0, -1, -1], (2, 64, 64, 3))
    gray = np.zeros((2, 64, 64, 1))
    many = np.broadcast_to([-1.0, -1, -1, 1, 0, 1], (2, 64, 64, 6))
    picture = np.asarray(grid({"red": [*red], "gray": [*gray], "many": [*many]}))
    assert picture.shape == (14 + 2 * 66, 3 * 64 + 2 * 2, 3)
    for row in (14 + 32, 14 + 66 + 32):
        np.testing.assert_array_equal(picture[row, 32], [255, 0, 0])
        np.testing.assert_array_equal(picture[row, 66 + 32], [128, 128, 128])
        np.testing.assert_array_equal(picture[row, 132 + 32], [0, 128, 192])
    assert (picture[:14] < 128).any()  # the headings
