"""Classes of points in BEV: orientation, colors, and which points are on top."""

import numpy as np
from nuscenes.utils.color_map import get_colormap

from perception_kd.datasets.nuscenes.labels import NUSCENES_CLASSES, nuscenes_label_mapping
from perception_kd.visualization.images import GAP
from perception_kd.visualization.point_classes import (
    NO_CLASS_COLOR,
    class_colors,
    compare_point_classes,
    draw_point_classes,
)

POINTS = np.array([[3.0, 8.0, 0.0], [3.0, 8.0, 1.0], [-5.0, -2.0, 0.0], [99.0, 0.0, 0.0]])
LABELS = np.array([0, 1, 255, 0])
CLASSES = ("road", "pole")


def test_points_have_the_color_of_their_class() -> None:
    image = draw_point_classes(POINTS, LABELS, CLASSES, radius=10, size=200)
    # 10 px per m, x to the right and y up; the higher point covers the lower.
    assert tuple(image[20, 130]) == class_colors(CLASSES)[1]
    assert tuple(image[120, 50]) == NO_CLASS_COLOR
    assert (image == 255).all(axis=2).sum() == 200 * 200 - 2 * 4


def test_points_without_a_class_are_covered() -> None:
    image = draw_point_classes(POINTS[:2], np.array([0, -1]), CLASSES, radius=10, size=200)
    assert tuple(image[20, 130]) == class_colors(CLASSES)[0]


def test_twenty_classes_differ_in_color() -> None:
    colors = class_colors([f"class {i}" for i in range(20)])
    assert len(set(colors)) == 20
    assert NO_CLASS_COLOR not in colors


def test_nuscenes_classes_have_the_colors_of_the_devkit() -> None:
    stored = list(get_colormap().values())  # by the 32 raw labels
    first = [(nuscenes_label_mapping() == i).argmax() for i in range(len(NUSCENES_CLASSES))]
    assert class_colors(NUSCENES_CLASSES) == [stored[label] for label in first]
    assert class_colors(("truck", "car")) == [(255, 99, 71), (255, 158, 0)]


def test_the_truth_is_left_of_the_prediction() -> None:
    both = compare_point_classes(POINTS, LABELS[::-1], LABELS, CLASSES, radius=10, size=200)
    assert both.shape == (200, 400 + GAP, 3)
    assert np.array_equal(both[:, :200], draw_point_classes(POINTS, LABELS, CLASSES, 10, 200))
    alone = compare_point_classes(POINTS, LABELS[::-1], None, CLASSES, radius=10, size=200)
    assert np.array_equal(both[:, 200 + GAP :], alone)
