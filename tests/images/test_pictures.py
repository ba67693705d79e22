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
    drawn, boxes = grid([[*red], [*gray], [*many]])
    picture = np.asarray(drawn)
    assert picture.shape == (2 * 64 + 2, 3 * 64 + 2 * 2, 3)
    assert boxes == [[(left, top, 64, 64) for left in (0, 66, 132)] for top in (0, 66)]
    for row in (32, 66 + 32):
        np.testing.assert_array_equal(picture[row, 32], [255, 0, 0])
        np.testing.assert_array_equal(picture[row, 66 + 32], [128, 128, 128])
        np.testing.assert_array_equal(picture[row, 132 + 32], [0, 128, 192])


def test_a_grid_knows_where_images_of_many_sizes_are():
    column = [np.full((4, 6, 3), -1.0), np.full((8, 2, 3), -1.0)]
    drawn, boxes = grid([column, column])
    assert drawn.size == (6 + 2 + 6, 4 + 2 + 8)
    assert boxes == [[(0, 0, 6, 4), (8, 0, 6, 4)], [(0, 6, 2, 8), (8, 6, 2, 8)]]
    picture = np.asarray(drawn)
    for left, top, width, height in (box for row in boxes for box in row):
        assert not picture[top : top + height, left : left + width].any()
    assert (picture == 0).all(axis=-1).sum() == 2 * (6 * 4 + 2 * 8)
