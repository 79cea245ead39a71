"""BEV maps of map segmentation: predictions beside the ground truth."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_kd.structures import Color, Image
from perception_kd.visualization.images import GAP, place_side_by_side

# Later classes are drawn over earlier ones, so thin ones come last.
MAP_COLORS: dict[str, Color] = {
    "drivable_area": (166, 206, 227),
    "carpark_area": (202, 178, 214),
    "walkway": (227, 197, 150),
    "ped_crossing": (251, 128, 114),
    "stop_line": (253, 160, 40),
    "divider": (106, 61, 154),
}
GROUND_COLOR = (245, 245, 245)
VEHICLE_COLOR = (40, 40, 40)
TITLE_HEIGHT = 24  # px


def draw_map(masks: NDArray[np.bool_], classes: Sequence[str], scale: int = 2) -> Image:
    """Draw a BEV map, y (forward in nuScenes) up and x to the right.

    Args:
        masks: Cells of each class, shape (classes, Y, X).
        classes: Names of the classes, keys of ``MAP_COLORS``.
        scale: Edge of a cell in px.

    Returns:
        RGB, shape (scale * Y, scale * X, 3), with the ego vehicle marked in the middle.
    """
    image = np.full((*masks.shape[1:], 3), GROUND_COLOR, np.uint8)
    by_name = dict(zip(classes, masks, strict=True))
    for name, color in MAP_COLORS.items():
        if name in by_name:
            image[by_name[name]] = color
    image = np.ascontiguousarray(image[::-1]).repeat(scale, axis=0).repeat(scale, axis=1)
    rows, columns = image.shape[:2]
    cv2.drawMarker(
        image, (columns // 2, rows // 2), VEHICLE_COLOR, cv2.MARKER_TRIANGLE_UP, 6 * scale, 2
    )
    return image


def compare_maps(
    probabilities: NDArray[np.floating[Any]],
    truth: NDArray[np.bool_],
    classes: Sequence[str],
    threshold: float = 0.5,
    scale: int = 2,
) -> Image:
    """Draw the ground truth and, right of it, the prediction, with titles.

    Args:
        probabilities: Shape (classes, Y, X).
        truth: Cells of each class, shape (classes, Y, X).
        classes: Names of the classes.
        threshold: Cells with at least this probability are drawn.
        scale: Edge of a cell in px.

    Returns:
        RGB, shape (TITLE_HEIGHT + scale * Y, 2 * scale * X + GAP, 3).
    """
    left = draw_map(truth, classes, scale)
    right = draw_map(probabilities >= threshold, classes, scale)
    body = place_side_by_side(left, right)
    head = np.full((TITLE_HEIGHT, body.shape[1], 3), 255, np.uint8)
    for text, column in (("truth", 0), ("predicted", left.shape[1] + GAP)):
        place = (column + 4, TITLE_HEIGHT - 7)
        cv2.putText(head, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 1, cv2.LINE_AA)
    return np.concatenate([head, body])
