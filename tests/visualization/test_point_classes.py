"""Pictures of LiDAR segmentation: which way is up, which color, what lies on top."""

import numpy as np

from perception_kd.visualization.maps import GAP
from perception_kd.visualization.point_classes import (
    NO_CLASS_COLOR,
    class_colors,
    compare_point_classes,
    draw_point_classes,
)

POINTS = np.array([[3.0, 8.0, 0.0], [3.0, 8.0, 1.0], [-5.0, -2.0, 0.0], [99.0, 0.0, 0.0]])
CLASSES = np.array([0, 1, 255, 0])


def test_points_have_the_color_of_their_class_where_they_are() -> None:
    picture = draw_point_classes(POINTS, CLASSES, 2, radius=10, size=200)
    # 10 px a m, x to the right and y up; the higher point covers the lower.
    assert tuple(picture[20, 130]) == class_colors(2)[1]
    assert tuple(picture[120, 50]) == NO_CLASS_COLOR
    assert (picture == 255).all(axis=2).sum() == 200 * 200 - 2 * 4


def test_what_has_no_class_lies_below() -> None:
    picture = draw_point_classes(POINTS[:2], np.array([0, -1]), 2, radius=10, size=200)
    assert tuple(picture[20, 130]) == class_colors(2)[0]


def test_twenty_classes_differ_in_color() -> None:
    assert len(set(class_colors(20))) == 20
    assert NO_CLASS_COLOR not in class_colors(20)


def test_the_truth_stands_left_of_the_prediction_where_there_is_one() -> None:
    view = dict(radius=10, size=200)
    both = compare_point_classes(POINTS, CLASSES[::-1], CLASSES, 2, **view)
    assert both.shape == (200, 400 + GAP, 3)
    assert np.array_equal(both[:, :200], draw_point_classes(POINTS, CLASSES, 2, **view))
    alone = compare_point_classes(POINTS, CLASSES[::-1], None, 2, **view)
    assert np.array_equal(both[:, 200 + GAP :], alone)
