"""Poses along a scene: jumps and other senses are found, good drives are not."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from perception_kd.datasets.pose_checks import find_pose_fault

Array = NDArray[np.float64]


def drive(
    speed: float = 8.0, turn_rate: float = 0.2, start_yaw: float = 0.7
) -> tuple[Array, Array, Array]:
    """Return positions, quaternions and times of a drive in a curve, at 20 Hz."""
    times = np.arange(60) * 0.05
    yaw = start_yaw + turn_rate * times
    steps = speed * 0.05 * np.stack([np.cos(yaw), np.sin(yaw), 0 * yaw], axis=1)
    positions = np.cumsum(steps, axis=0) + np.array([400.0, 1600.0, 0.0])
    quaternions = np.stack([np.cos(yaw / 2), 0 * yaw, 0 * yaw, np.sin(yaw / 2)], axis=1)
    return positions, quaternions, times


@pytest.mark.parametrize("speed", [0.0, 8.0, -3.0, 60.0])
@pytest.mark.parametrize("start_yaw", [0.0, 1.6, 3.1, -2.0])
def test_a_drive_has_no_fault(speed: float, start_yaw: float) -> None:
    fault = find_pose_fault(*drive(speed, start_yaw=start_yaw))
    assert fault is None or (speed < 0 and not fault.is_error)


@pytest.mark.parametrize("place", [0, 1, 17, 58, 59])
def test_a_pose_that_jumps_is_named(place: int) -> None:
    positions, quaternions, times = drive()
    positions[place, 1] += 500
    fault = find_pose_fault(positions, quaternions, times)
    assert fault is not None
    assert fault.is_error
    assert fault.place == place


def test_a_small_jump_is_a_doubt() -> None:
    positions, quaternions, times = drive()
    positions[9] += 25
    fault = find_pose_fault(positions, quaternions, times)
    assert fault is not None
    assert (fault.is_error, fault.place) == (False, 9)


def test_a_gap_in_time_is_no_jump() -> None:
    positions, quaternions, times = drive()
    positions[30:, 0] += 500
    times[30:] += 60
    assert find_pose_fault(positions, quaternions, times) is None


def test_a_turned_pose_is_named() -> None:
    positions, quaternions, times = drive()
    quaternions[30] = np.roll(quaternions[30], -1)
    fault = find_pose_fault(positions, quaternions, times)
    assert fault is not None
    assert (fault.is_error, fault.place) == (True, 30)


@pytest.mark.parametrize(("start_yaw", "is_error"), [(0.0, False), (1.2, True), (3.1, True)])
def test_another_order_of_rotations_is_named(start_yaw: float, is_error: bool) -> None:
    positions, quaternions, times = drive(start_yaw=start_yaw)
    fault = find_pose_fault(positions, np.roll(quaternions, -1, axis=1), times)
    assert fault is not None
    assert fault.is_error is is_error
    assert "order x, y, z, w" in fault.text


def test_no_or_one_pose_has_no_fault() -> None:
    values: Any = drive()
    for number in (0, 1):
        assert find_pose_fault(*(value[:number] for value in values)) is None
