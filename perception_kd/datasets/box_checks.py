"""Checks of boxes against the ego vehicle and the points."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from perception_kd.structures import Array, Mask

_FAR_M, _LARGE_M, _SMALL_M = 1000.0, 100.0, 0.01
_HIGH_M, _SLOPE = 20.0, 0.2
_LONG = 1.5  # times the width
_MARGIN_M = 0.1
_MIN_BOXES, _MIN_POINTS, _RATIO = 5, 100, 1.6
_EMPTY = 0.2  # of the points of the tables


class Fit(NamedTuple):
    """Numbers of points in the long boxes of a category, as given and turned.

    Attributes:
        num_boxes: Number of boxes with points.
        given: Number of points in them.
        turned: Number of points in them if they are turned by 90 degrees.
        stored: Number of points in them by the tables.
    """

    num_boxes: int = 0
    given: int = 0
    turned: int = 0
    stored: int = 0

    def plus(self, other: "Fit") -> "Fit":
        """Return the sums."""
        return Fit(*(a + b for a, b in zip(self, other, strict=True)))


def find_box_faults(centers: Array, sizes: Array, positions: Array) -> dict[str, Mask]:
    """Return which boxes have impossible places or sizes, by what is wrong.

    Args:
        centers: Centers in global coordinates in m, shape (G, 3).
        sizes: Edges in m, shape (G, 3).
        positions: Position of the ego vehicle for each box, shape (G, 3).
    """
    away = np.linalg.norm((centers - positions)[:, :2], axis=1)
    above = np.abs(centers[:, 2] - positions[:, 2])
    return {
        "farther than 1 km from the ego vehicle": away > _FAR_M,
        "far above or below the ego vehicle": (above > _HIGH_M + _SLOPE * away) & (away <= _FAR_M),
        "longer than 100 m or thinner than 1 cm": (sizes.max(axis=1, initial=0) > _LARGE_M)
        | (sizes.min(axis=1, initial=1) < _SMALL_M),
    }


def measure_fit(points: NDArray[np.floating[Any]], boxes: Array, counts: Sequence[int] = ()) -> Fit:
    """Return the fit of points and boxes of one category.

    Args:
        points: Positions in the coordinates of the boxes in m, shape (N, 3).
        boxes: Center, length, width, height in m and yaw in rad, shape (G, 7).
        counts: Number of points in each by the tables; empty if unknown.
    """
    fit = Fit()
    for number, (x, y, z, length, width, height, yaw) in enumerate(boxes):
        long, short = max(length, width), min(length, width)
        if (len(counts) and not counts[number]) or long < _LONG * short:
            continue
        near = np.flatnonzero(np.abs(points[:, 0] - np.float32(x)) <= long)
        near = near[np.abs(points[near, 1] - np.float32(y)) <= long]
        offset = points[near] - (x, y, z)
        offset = offset[np.abs(offset[:, 2]) <= height / 2 + _MARGIN_M]
        along = np.abs(offset[:, 0] * np.cos(yaw) + offset[:, 1] * np.sin(yaw))
        across = np.abs(offset[:, 1] * np.cos(yaw) - offset[:, 0] * np.sin(yaw))
        half_length, half_width = length / 2 + _MARGIN_M, width / 2 + _MARGIN_M
        given = int(((along <= half_length) & (across <= half_width)).sum())
        turned = int(((along <= half_width) & (across <= half_length)).sum())
        stored = counts[number] if len(counts) else 0
        fit = fit.plus(Fit(int(given + turned > 0), given, turned, stored))
    return fit


def find_turned_boxes(fits: Mapping[str, Fit]) -> list[str]:
    """Return a sentence on each category whose boxes lie across their objects."""
    return [
        f"Boxes of {name} hold {fit.given} points, but {fit.turned} if they are turned by 90 "
        f"degrees ({fit.num_boxes} boxes); size must be width, length, height, and rotation must "
        "turn x to where the object heads."
        for name, fit in sorted(fits.items())
        if fit.num_boxes >= _MIN_BOXES
        and fit.turned >= _MIN_POINTS
        and fit.turned > _RATIO * fit.given
    ]


def find_empty_boxes(fits: Mapping[str, Fit]) -> list[str]:
    """Return a sentence on each category whose boxes lack the points of the tables."""
    return [
        f"Boxes of {name} hold {fit.given} points, but num_lidar_pts says {fit.stored}; their "
        "translation must be in the global coordinates of ego_pose, and poses and calibrations "
        "must fit."
        for name, fit in sorted(fits.items())
        if fit.stored >= _MIN_POINTS and fit.given < _EMPTY * fit.stored
    ]
