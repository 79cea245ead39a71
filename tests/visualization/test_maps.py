"""Drawn maps: orientation, order of the classes, truth left of the prediction."""

import numpy as np
from numpy.typing import NDArray

from perception_kd.visualization.images import GAP
from perception_kd.visualization.maps import (
    GROUND_COLOR,
    MAP_COLORS,
    TITLE_HEIGHT,
    compare_maps,
    draw_map,
)

CLASSES = ("drivable_area", "divider")


def make_masks() -> NDArray[np.bool_]:
    masks = np.zeros((2, 40, 60), dtype=bool)
    masks[0, 30:] = True  # ahead of the ego vehicle
    masks[1, 30:, 50:] = True
    return masks


def test_forward_is_up_and_thin_classes_are_on_top() -> None:
    image = draw_map(make_masks(), CLASSES, scale=3)
    assert image.shape == (120, 180, 3)
    assert tuple(image[0, 0]) == MAP_COLORS["drivable_area"]
    assert tuple(image[0, -1]) == MAP_COLORS["divider"]
    assert tuple(image[-1, 0]) == GROUND_COLOR
    # The mark of the ego vehicle.
    assert (image[50:70, 80:100] != GROUND_COLOR).any()


def test_the_truth_is_left_of_the_prediction() -> None:
    truth = make_masks()
    image = compare_maps(np.zeros(truth.shape), truth, CLASSES, scale=1)
    assert image.shape == (40 + TITLE_HEIGHT, 2 * 60 + GAP, 3)
    assert tuple(image[TITLE_HEIGHT, 0]) == MAP_COLORS["drivable_area"]
    assert tuple(image[TITLE_HEIGHT, 60 + GAP]) == GROUND_COLOR


def test_a_cell_at_the_threshold_is_drawn() -> None:
    probabilities = np.zeros((2, 40, 60))
    probabilities[0, 35, 5] = 0.5
    image = compare_maps(probabilities, make_masks(), CLASSES, threshold=0.5, scale=1)
    row = TITLE_HEIGHT + 40 - 1 - 35
    assert tuple(image[row, 60 + GAP + 5]) == MAP_COLORS["drivable_area"]
    assert tuple(image[row, 60 + GAP + 6]) == GROUND_COLOR
