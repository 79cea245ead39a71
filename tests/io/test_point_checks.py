"""Values of another type or layout are not taken for points."""

import numpy as np
import pytest

from perception_kd.io.point_checks import find_point_fault, is_plausible

POINTS = np.random.default_rng(0).uniform(-50, 50, (400, 5))


def test_points_are_points() -> None:
    assert find_point_fault(POINTS.astype(np.float32)) == ""


@pytest.mark.parametrize("stored", ["<f8", ">f4", "<f2", "<i2", "<i4", "|u1"])
def test_other_types_are_found(stored: str) -> None:
    values = np.frombuffer(POINTS.astype(stored).tobytes(), np.float32)
    assert find_point_fault(values[: len(values) // 5 * 5].reshape(-1, 5))


def test_a_file_of_zeros_or_nan_is_found() -> None:
    assert find_point_fault(np.zeros((9, 5), np.float32)) == "all positions are at the sensor"
    assert find_point_fault(np.full((9, 5), np.nan, np.float32)) == "no position is finite"
    assert find_point_fault(np.zeros((0, 5), np.float32)) == "it has no point"


def test_one_point_again_and_again_is_found() -> None:
    points = np.full((400, 5), 7.0, np.float32)
    assert find_point_fault(points) == "all positions are the same one"
    points[395, 2] += 1  # not among the few that are looked at first
    assert find_point_fault(points) == ""
    assert find_point_fault(points[:3]) == ""  # few points may be echoes of one object


def test_points_on_a_map_are_found() -> None:
    points = POINTS.astype(np.float32)
    points[:, 1] += 3000
    assert find_point_fault(points).endswith("km away")
    points[0, :3] = 1
    assert find_point_fault(points) == ""


def test_single_points_that_cannot_be_are_marked() -> None:
    points = POINTS.astype(np.float32)
    points[0, 1], points[1, 3], points[2, 4], points[3, 2] = np.nan, np.inf, np.nan, 1e30
    assert find_point_fault(points) == ""
    assert np.flatnonzero(~is_plausible(points)).tolist() == [0, 1, 3]
