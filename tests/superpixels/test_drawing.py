"""Borders of superpixels, counted by hand."""

import numpy as np

from perception_kd.superpixels.drawing import draw_borders
from perception_kd.visualization.images import find_borders

SUPERPIXELS = np.array([[0, 0, 1], [0, 0, 1], [2, 2, 2]])
BORDERS = [[False, True, False], [True, True, True], [False, False, False]]


def test_a_border_is_left_of_or_above_another_segment() -> None:
    assert find_borders(SUPERPIXELS).tolist() == BORDERS


def test_borders_are_drawn_on_a_copy() -> None:
    image = np.zeros((3, 3, 3), dtype=np.uint8)
    drawn = draw_borders(image, SUPERPIXELS, color=(1, 2, 3))
    assert drawn[0, 1].tolist() == [1, 2, 3]
    assert drawn[2].tolist() == [[0, 0, 0]] * 3
    assert not image.any()
