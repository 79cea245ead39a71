"""Boxes against the ego vehicle and the points that they should hold."""

from typing import Any

import numpy as np

from perception_kd.datasets.box_checks import (
    Fit,
    find_box_faults,
    find_empty_boxes,
    find_turned_boxes,
    measure_fit,
)

EGO = np.zeros((1, 3))


def find_names(center: Any, size: Any) -> list[str]:
    faults = find_box_faults(np.array([center], float), np.array([size], float), EGO)
    return [what.split()[0] for what, wrong in faults.items() if wrong.any()]


def test_impossible_places_and_sizes_are_named() -> None:
    assert find_names((30, 40, 5), (2, 4, 1.5)) == []
    assert find_names((2000, 0, 0), (2, 4, 1.5)) == ["farther"]
    assert find_names((30, 0, -300), (2, 4, 1.5)) == ["far"]
    assert find_names((30, 0, 1), (1900, 4500, 1500)) == ["longer"]
    assert find_names((30, 0, 1), (0.0019, 0.0045, 0.0015)) == ["longer"]


def test_boxes_across_their_points_are_named() -> None:
    rng = np.random.default_rng(0)
    points = np.array([10.0, 5.0, 0.0]) + rng.uniform(-0.5, 0.5, (100, 3)) * (4.4, 1.8, 1.4)
    along = np.array([[10, 5, 0, 4.5, 1.9, 1.5, 0]] * 6, float)
    swapped, turned = (
        along[:, [0, 1, 2, 4, 3, 5, 6]],
        along + np.array([0, 0, 0, 0, 0, 0, np.pi / 2]),
    )
    good = measure_fit(points, along, [100] * 6)
    assert good.num_boxes == 6
    assert good.given == good.stored == 600
    assert find_turned_boxes({"car": good}) == []
    for boxes in (swapped, turned):
        (text,) = find_turned_boxes({"car": measure_fit(points, boxes)})
        assert text.startswith("Boxes of car hold")


def test_square_boxes_are_not_measured() -> None:
    square = np.array([[10, 5, 0, 0.7, 0.7, 1.7, 0]], float)
    assert measure_fit(np.array([[10.0, 5, 0]]), square) == Fit()


def test_boxes_without_their_points_are_named() -> None:
    assert find_empty_boxes({"car": Fit(9, 400, 100, 500)}) == []
    assert find_empty_boxes({"car": Fit(0, 0, 0, 50)}) == []
    (text,) = find_empty_boxes({"car": Fit(1, 3, 2, 500)})
    assert "num_lidar_pts says 500" in text
