"""Measures of how well regions separate classes and objects, on points with labels."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from perception_kd.utils.checks import check_at_least, check_shape


class RegionQuality(NamedTuple):
    """Regions compared with the classes of points.

    Attributes:
        num_regions: Number of regions with a labeled point.
        purity: Share of the labeled points in regions that have the majority class of
            their region, 0..1.
        majority_miou: Mean IoU if every region gave all its points their majority
            class, 0..1: what features that are pooled over regions can reach at most.
            Points in no region are missed.
        share_in_regions: Share of the labeled points that are in a region, 0..1.
    """

    num_regions: int
    purity: float
    majority_miou: float
    share_in_regions: float


def measure_quality(
    region_ids: NDArray[np.integer[Any]],
    classes: NDArray[np.integer[Any]],
    min_points: int = 50,
) -> RegionQuality:
    """Compare regions with the classes of their points.

    Args:
        region_ids: Region of each point, negative for none, shape (N,).
        classes: Class of each point, negative for points without a label, which do not
            count, shape (N,).
        min_points: Classes with fewer points are left out of the mean.

    Returns:
        Measures of these points; NaN where there is nothing to measure.

    Raises:
        ValueError: If shapes do not fit, or ``min_points`` is below 1.
    """
    check_shape("region_ids", region_ids, ("N",))
    check_shape("classes", classes, region_ids.shape)
    check_at_least("min_points", min_points, 1)
    region_ids, classes = region_ids[classes >= 0], classes[classes >= 0]
    is_in = region_ids >= 0
    names, region = np.unique(region_ids[is_in], return_inverse=True)
    num_classes = int(classes.max(initial=-1)) + 1
    counts = np.zeros((len(names), num_classes), np.int64)
    np.add.at(counts, (region.ravel(), classes[is_in]), 1)

    predicted = np.full(len(classes), -1)
    if len(names):
        predicted[is_in] = counts.argmax(axis=1)[region.ravel()]
    hits, sizes, guesses = (
        np.bincount(ids[ids >= 0], minlength=num_classes)
        for ids in (classes[predicted == classes], classes, predicted)
    )
    counted = sizes >= min_points
    ious = hits[counted] / (sizes + guesses - hits)[counted]
    return RegionQuality(
        len(names),
        _divide(int(hits.sum()), int(is_in.sum())),
        float(ious.mean()) if len(ious) else float("nan"),
        _divide(int(is_in.sum()), len(classes)),
    )


class BoxQuality(NamedTuple):
    """Regions compared with boxes.

    Attributes:
        num_boxes: Number of boxes with enough points.
        num_found: Number of these that are what most points of a region lie in.
        share_in_regions: Share of the points in boxes that are in a region, 0..1.
        purity: Share of the points of the regions that found a box, of any size, that
            lie in that box, 0..1.
    """

    num_boxes: int
    num_found: int
    share_in_regions: float
    purity: float


def measure_box_quality(
    sweeps: Iterable[tuple[NDArray[np.integer[Any]], NDArray[np.integer[Any]]]],
    min_points: int = 5,
) -> BoxQuality:
    """Compare the regions of sweeps with boxes.

    Args:
        sweeps: Region and box of each point of a sweep, negative for none, both (N,).
        min_points: Boxes with fewer points are not counted.

    Returns:
        Measures of all sweeps together; NaN where there is nothing to measure.

    Raises:
        ValueError: If shapes do not fit, or ``min_points`` is below 1.
    """
    check_at_least("min_points", min_points, 1)
    num_boxes = num_found = in_boxes = in_both = hits = size = 0
    for region_ids, box_ids in sweeps:
        check_shape("region_ids", region_ids, ("N",))
        check_shape("box_ids", box_ids, region_ids.shape)
        is_in = (region_ids >= 0) & (box_ids >= 0)
        in_boxes, in_both = in_boxes + int((box_ids >= 0).sum()), in_both + int(is_in.sum())
        counted = np.bincount(box_ids[box_ids >= 0]) >= min_points
        found = set()
        for region in np.unique(region_ids[is_in]):
            counts = np.bincount(box_ids[region_ids == region] + 1)  # the first: in no box
            box = int(counts.argmax()) - 1
            if box >= 0:
                found.add(box)
                hits, size = hits + int(counts[box + 1]), size + int(counts.sum())
        num_boxes += int(counted.sum())
        num_found += sum(bool(counted[box]) for box in found)
    return BoxQuality(num_boxes, num_found, _divide(in_both, in_boxes), _divide(hits, size))


def _divide(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")
