"""Filters on clusters against shapes worked out by hand and by search."""

import numpy as np
import pytest
from scipy.spatial import ConvexHull

from perception_kd.regions.codec import NoRegion
from perception_kd.regions.filtering import find_fault
from perception_kd.regions.settings import RegionSettings
from tests.regions.scene import GROUND_Z, Points

SETTINGS = RegionSettings()


def make_rectangle(
    length: float, width: float, top: float = 1.5, center: tuple[float, float] = (10.0, 20.0)
) -> Points:
    """Return the corners of a rectangle, turned by 0.5 rad, and its center.

    Args:
        length: In m.
        width: In m.
        top: Height of the center above the ground in m; the corners are 0.1 m high.
        center: x and y in m.
    """
    corners = np.array([(x, y) for x in (-0.5, 0.5) for y in (-0.5, 0.5)]) * (length, width)
    turn = np.array([[np.cos(0.5), np.sin(0.5)], [-np.sin(0.5), np.cos(0.5)]])
    xy = np.concatenate([corners @ turn, [[0, 0]]]) + center
    return np.column_stack([xy, GROUND_Z + np.array([0.1] * 4 + [top])])


@pytest.mark.parametrize(
    ("cluster", "fault"),
    [
        (make_rectangle(4, 2), None),
        # Rises to 0.25 m and no higher than 4.84 m, 3 m above the sensor.
        (make_rectangle(4, 2, top=0.24), NoRegion.TOO_LOW),
        (make_rectangle(4, 2, top=0.26), None),
        (make_rectangle(4, 2, top=4.83), None),
        (make_rectangle(4, 2, top=4.85), NoRegion.TOO_HIGH),
        # 0.96 / 9.7 = 0.0990 and 0.98 / 9.7 = 0.1010, whatever the heading.
        (make_rectangle(9.7, 0.96), NoRegion.TOO_THIN),
        (make_rectangle(9.7, 0.98), None),
        # 4 * 5.01 = 20.04 and 4 * 4.99 = 19.96 m^2.
        (make_rectangle(5.01, 4), NoRegion.TOO_LARGE),
        (make_rectangle(4.99, 4), None),
        # 0.5 * 0.49 = 0.245 and 0.5 * 0.51 = 0.255 m^2.
        (make_rectangle(0.5, 0.49), NoRegion.TOO_SMALL),
        (make_rectangle(0.5, 0.51), None),
        # The area is the hull's: half of 6 * 6 m^2 for a triangle.
        (make_rectangle(6, 6)[:3], None),
        (make_rectangle(6, 6), NoRegion.TOO_LARGE),
    ],
)
def test_filters_at_their_thresholds(cluster: Points, fault: NoRegion | None) -> None:
    if len(cluster) == 3:
        cluster = cluster + np.array([0, 0, 1])  # without its center, it hardly rises
    assert find_fault(cluster, SETTINGS) == fault


@pytest.mark.parametrize("axis", [0, 1])
def test_a_cluster_within_the_strip_is_the_ego_vehicle(axis: int) -> None:
    cluster = np.tile([0.0, 0.0, 0.0], (4, 1))
    cluster[:, 1 - axis] = 20 + np.array([0, 0, 4, 4])
    cluster[:, axis] = (-1.0, 1.49, -1.0, 1.0)
    assert find_fault(cluster, SETTINGS) == NoRegion.EGO_STRIP
    cluster[1, axis] = 1.51
    assert find_fault(cluster, SETTINGS) is None
    cluster[1, axis] = 0
    cluster[0, axis] = -1.51
    assert find_fault(cluster, SETTINGS) is None


def test_the_first_filter_that_applies_is_returned() -> None:
    # High, thin and small at once; then thin and small; then low and large.
    assert find_fault(make_rectangle(1, 0.01, top=9), SETTINGS) == NoRegion.TOO_HIGH
    assert find_fault(make_rectangle(1, 0.01), SETTINGS) == NoRegion.TOO_THIN
    assert find_fault(make_rectangle(9, 9, top=0.2), SETTINGS) == NoRegion.TOO_LOW
    assert find_fault(make_rectangle(1, 0.01, 9, (0.5, 9)), SETTINGS) == NoRegion.EGO_STRIP


@pytest.mark.parametrize("number", [1, 2, 7])
def test_points_on_a_spot_or_a_line_are_too_thin(number: int) -> None:
    spot = np.tile([10.0, 20.0, 0.0], (number, 1))
    line = spot + np.arange(number)[:, None] * (1.0, 2.0, 0.1)
    assert find_fault(spot, SETTINGS) == NoRegion.TOO_THIN
    assert find_fault(line, SETTINGS) == NoRegion.TOO_THIN


def judge_by_search(cluster: Points) -> NoRegion | None:
    """Judge the shape by SciPy's hull and a rectangle along each of its edges."""
    hull = ConvexHull(cluster[:, :2])
    corners = cluster[hull.vertices, :2]
    rectangles = []
    for edge in np.roll(corners, -1, axis=0) - corners:
        along = edge / np.linalg.norm(edge)
        sides = [np.ptp(corners @ along), np.ptp(corners @ (-along[1], along[0]))]
        rectangles.append((sides[0] * sides[1], min(sides) / max(sides)))
    if min(rectangles)[1] < 0.1:
        return NoRegion.TOO_THIN
    if hull.volume > 20:  # of a polygon, SciPy's volume is the area
        return NoRegion.TOO_LARGE
    return NoRegion.TOO_SMALL if hull.volume < 0.25 else None


def test_shapes_are_filtered_as_by_search() -> None:
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(300):
        turn = np.linalg.qr(rng.normal(size=(2, 2)))[0]
        size = np.exp(rng.uniform((-2, -4), (3, 2)))
        xy = rng.uniform(-0.5, 0.5, (rng.integers(5, 40), 2)) * size @ turn + (20, -30)
        cluster = np.column_stack([xy, np.zeros(len(xy))])
        fault = find_fault(cluster, SETTINGS)
        assert fault == judge_by_search(cluster)
        seen.add(fault)
    assert seen == {None, NoRegion.TOO_THIN, NoRegion.TOO_LARGE, NoRegion.TOO_SMALL}


def test_rejects_other_shapes() -> None:
    with pytest.raises(ValueError, match=r"cluster must have shape \(N, 3\), but got \(4, 2\)"):
        find_fault(np.zeros((4, 2)), SETTINGS)
