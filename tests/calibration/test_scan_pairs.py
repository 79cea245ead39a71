"""Edges of points, as the LiDAR sees them."""

import numpy as np
from numpy.typing import NDArray

from perception_kd.calibration.scan_pairs import find_pairs
from tests.calibration.scene import LIDAR2CAM

HEIGHT = 1.8  # m, of the LiDAR above the street


def scan_street(pole: bool) -> NDArray[np.float32]:
    """Return points of a street and a wall, with a pole 10 m ahead or without."""
    up, left = np.meshgrid(np.radians(np.arange(-15, 5, 1.0)), np.radians(np.arange(-20, 20, 0.3)))
    up, left = up.ravel(), left.ravel()
    rays = np.stack([np.cos(up) * np.cos(left), np.cos(up) * np.sin(left), np.sin(up)], axis=1)
    street = np.where(rays[:, 2] < 0, -HEIGHT / np.minimum(rays[:, 2], -1e-9), np.inf)
    ranges = np.minimum(street, 40 / rays[:, 0])
    if pole:
        ranges = np.where(np.abs(left) < np.radians(1), np.minimum(ranges, 10), ranges)
    return (rays * ranges[:, None]).astype(np.float32)


def test_a_street_seen_along_it_has_no_edge() -> None:
    pairs = find_pairs(scan_street(pole=False), LIDAR2CAM)
    street = HEIGHT + LIDAR2CAM[1, 3]  # m, below the camera
    on_street = (pairs.ends[:, 0, 1] > street - 0.01) & (pairs.ends[:, 0, 2] < 30)
    assert pairs.ends[on_street & pairs.upright, 0, 2].max() > 20
    assert pairs.edges[on_street].max() < 0.3


def test_both_sides_of_a_pole_are_edges_at_its_range() -> None:
    pairs = find_pairs(scan_street(pole=True), LIDAR2CAM)
    strong = (pairs.edges > 0.9) & ~pairs.upright
    origin = LIDAR2CAM[:3, 3]
    ranges = np.linalg.norm(pairs.ends[strong] - origin, axis=2)
    np.testing.assert_allclose(ranges, 10, atol=1e-4)
    across = pairs.ends[strong, :, 0].mean(axis=1) - origin[0]
    assert set(np.sign(across)) == {-1, 1}
    np.testing.assert_allclose(np.abs(across), 10 * np.radians(1), atol=0.1)


def test_the_order_of_the_points_does_not_matter() -> None:
    points = scan_street(pole=True)
    mixed = points[np.random.default_rng(0).permutation(len(points))]
    edges = find_pairs(points, LIDAR2CAM).edges
    mixed_edges = find_pairs(mixed, LIDAR2CAM).edges
    np.testing.assert_allclose(np.sort(mixed_edges), np.sort(edges), atol=1e-6)
