"""Checks of the poses of a vehicle along a scene: jumps, and the sense of rotations."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perception_kd.datasets.vehicle_limits import MAX_SPEED
from perception_kd.structures import Array

_FAR_M = 50.0  # a jump beyond MAX_SPEED that cannot be a motion
_STEP_M, _SPEED = 10.0, 60.0  # a jump that is unusual
_TURN_DEG, _TURN_RATE_DEG = 45.0, 120.0  # per s
_UPRIGHT, _LYING = 0.95, 0.8  # mean cosines
_MIN_WAY_M, _ALONG, _ACROSS = 5.0, 0.9, 0.3


@dataclass(frozen=True)
class PoseFault:
    """A fault of a list of poses.

    Attributes:
        place: Index of the pose.
        text: The end of a sentence about it.
        is_error: Whether it cannot be right.
    """

    place: int
    text: str
    is_error: bool


def find_pose_fault(positions: Array, quaternions: Array, times_s: Array) -> PoseFault | None:
    """Return the first fault of the poses of a scene; None if there is none.

    Args:
        positions: Positions of the vehicle in m, shape (N, 3).
        quaternions: Its rotations as unit quaternions (w, x, y, z), shape (N, 4).
        times_s: Times in s, in order, shape (N,).
    """
    if not len(positions):
        return None
    return (
        _find_order(positions, quaternions)
        or _find_jump(positions, times_s)
        or _find_turn(quaternions, times_s)
    )


def _find_jump(positions: Array, times_s: Array) -> PoseFault | None:
    steps = np.linalg.norm(np.diff(positions, axis=0), axis=1)
    gaps_s = np.diff(times_s)
    for far, speed, is_error in ((_FAR_M, MAX_SPEED, True), (_STEP_M, _SPEED, False)):
        jumps = np.flatnonzero(steps > far + speed * gaps_s)
        if len(jumps):
            step = jumps[0]
            place = _name_outlier(int(step), jumps)
            text = (
                f"is {steps[step]:.4g} m away from that {gaps_s[step]:.3g} s before or after it; "
                "correct its position (m) or its time"
            )
            return PoseFault(place, text, is_error)
    return None


def _name_outlier(step: int, jumps: NDArray[np.signedinteger[Any]]) -> int:
    """Return which pose of a step from one to the next is the odd one."""
    is_single = step + 1 in jumps or step > 0
    return int(step + 1 if is_single else step)


def _find_turn(quaternions: Array, times_s: Array) -> PoseFault | None:
    cosines = np.abs((quaternions[1:] * quaternions[:-1]).sum(axis=1)).clip(0, 1)
    turns = np.degrees(2 * np.arccos(cosines))
    limits = _TURN_DEG + _TURN_RATE_DEG * np.diff(times_s)
    jumps = np.flatnonzero(turns > limits)
    if not len(jumps):
        return None
    text = (
        f"is turned by {turns[jumps[0]]:.0f} degrees against that before or after it; correct "
        "rotation, a unit quaternion (w, x, y, z)"
    )
    return PoseFault(_name_outlier(int(jumps[0]), jumps), text, is_error=True)


def _find_order(positions: Array, quaternions: Array) -> PoseFault | None:
    """Compare the order w, x, y, z with x, y, z, w."""
    other = np.roll(quaternions, 1, axis=1)
    if is_in_other_order(quaternions):
        text = (
            "is not upright, but would be if rotation were in the order x, y, z, w; it must be w, "
            "x, y, z"
        )
        return PoseFault(0, text, is_error=True)
    given = _along(positions, quaternions)
    senses = {
        "in the order x, y, z, w": _along(positions, other),
        "inverted": _along(*_invert(positions, quaternions)),
    }
    for sense, along in senses.items():
        if along > _ALONG and given < -_ACROSS:
            text = (
                f"does not point where the vehicle drives, but would if poses were {sense}; they "
                "must lead from the ego vehicle to global coordinates, rotation as w, x, y, z"
            )
            return PoseFault(0, text, is_error=False)
    return None


def is_in_other_order(quaternions: Array) -> bool:
    """Return whether things are upright by x, y, z, w rather than by w, x, y, z.

    Args:
        quaternions: Read as (w, x, y, z), shape (N, 4).
    """
    other = np.roll(quaternions, 1, axis=1)
    return mean_up(quaternions) < _LYING and mean_up(other) > _UPRIGHT


def _along(positions: Array, quaternions: Array) -> float:
    """Return the mean cosine between heading and motion; 0 if the vehicle stands."""
    ways = np.diff(positions, axis=0)[:, :2]
    lengths = np.linalg.norm(ways, axis=1)
    moving = lengths > 0.05
    if lengths[moving].sum() < _MIN_WAY_M:
        return 0.0
    ways = ways[moving] / lengths[moving, None]
    return float((_heading(quaternions)[1:][moving] * ways).sum(axis=1).mean())


def _invert(positions: Array, quaternions: Array) -> tuple[Array, Array]:
    inverse = quaternions * (1.0, -1.0, -1.0, -1.0)
    w, vector = inverse[:, :1], inverse[:, 1:]
    turned = np.cross(vector, positions)
    return -(positions + 2 * (w * turned + np.cross(vector, turned))), inverse


def mean_up(quaternions: Array) -> float:
    """Return the mean cosine between the upward axes before and after rotations.

    Args:
        quaternions: (w, x, y, z), shape (N, 4).
    """
    x, y = quaternions[:, 1], quaternions[:, 2]
    return float((1 - 2 * (x * x + y * y)).mean())


def _heading(quaternions: Array) -> Array:
    """Return the direction of the x axis in the plane, shape (N, 2)."""
    w, x, y, z = quaternions.T
    heading = np.stack([1 - 2 * (y * y + z * z), 2 * (x * y + w * z)], axis=1)
    return np.asarray(heading)
