"""Predicted boxes that match ground-truth boxes, counted as nuScenes does."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

MATCH_DISTANCE = 2.0  # m, as in the devkit's true-positive errors


def keep_top_scores(found: Any, num: int) -> Any:
    """Return the predictions with the highest scores, in descending order.

    Args:
        found: Predictions of one keyframe, with ``scores_3d``.
        num: Maximum number of predictions.
    """
    return found[found.scores_3d.argsort(descending=True, stable=True)[:num]]


def select_shown(found: Any, num: int, radius: float) -> Any:
    """Return the predictions that a picture of a keyframe shows.

    Args:
        found: Predictions of one keyframe, with ``bboxes_3d`` and ``scores_3d``.
        num: Maximum number of predictions: that of the ground truth.
        radius: Centers lie nearer than this along x and along y, in m.

    Returns:
        Those with the highest scores, in descending order.
    """
    is_shown = (found.bboxes_3d.tensor[:, :2].abs() < radius).all(dim=1)
    return keep_top_scores(found[is_shown], num)


def count_matches(
    found: NDArray[np.floating[Any]],
    labels: NDArray[np.int64],
    truth: NDArray[np.floating[Any]],
    truth_labels: NDArray[np.int64],
    max_distance: float = MATCH_DISTANCE,
) -> int:
    """Count predictions that match a true box of their class, as the devkit does.

    In the given order, each prediction matches the nearest box that is still free.

    Args:
        found: Predicted centers (x, y) in m, highest scores first, shape
            (predictions, 2).
        labels: Predicted classes, shape (predictions,).
        truth: Centers of the ground-truth boxes in m, shape (G, 2).
        truth_labels: Their classes, shape (G,).
        max_distance: Matches are nearer than this, in m.
    """
    free = np.ones(len(truth), bool)
    for center, label in zip(found, labels, strict=True):
        distances = np.linalg.norm(truth - center, axis=1)
        distances[~(free & (truth_labels == label))] = np.inf
        if distances.min(initial=np.inf) < max_distance:
            free[distances.argmin()] = False
    return int((~free).sum())
