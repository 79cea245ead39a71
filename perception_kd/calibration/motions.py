"""Errors of a calibration: turns about, and shifts along, the axes of a camera."""

from typing import Literal, NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

from perception_kd.geometry.rigid import make_rigid
from perception_kd.structures import Array

AXES = "xyz"  # of the camera: right, down, forward
TURNS = (0.5, 1.0, 2.0, 4.0)  # degrees
SHIFTS = (0.05, 0.1, 0.2, 0.4, 0.8)  # m
_REFINED = (0.75, 0.875, 1.125, 1.25)  # of an amount
_SMALL_TURN, _SMALL_SHIFT = 0.7, 0.14  # degrees, m: no error


MotionKind = Literal["turn", "shift"]
AMOUNTS: dict[MotionKind, tuple[float, ...]] = {"turn": TURNS, "shift": SHIFTS}


class Motion(NamedTuple):
    """A motion of points in camera coordinates.

    Attributes:
        kind: Whether points turn about, or move along, the axis.
        axis: Index of the axis: x right, y down, z forward.
        amount: Angle in degrees by the right-hand rule, or distance in m.
    """

    kind: MotionKind
    axis: int
    amount: float

    @property
    def matrix(self) -> Array:
        """The motion of points in camera coordinates, rigid, shape (4, 4)."""
        along = self.amount * np.eye(3)[self.axis]
        if self.kind == "shift":
            return make_rigid(np.eye(3), along)
        return make_rigid(Rotation.from_rotvec(along, degrees=True).as_matrix(), np.zeros(3))

    @property
    def opposite(self) -> "Motion":
        """The motion that takes points back."""
        return self._replace(amount=-self.amount)

    def describe(self) -> str:
        """Return words such as "turned by about 1 degree about its x axis"."""
        axis = AXES[self.axis]
        if self.kind == "turn":
            return f"turned by about {_degrees(self.amount)} about its {axis} axis"
        return f"shifted by about {abs(self.amount) * 100:.0f} cm along its {axis} axis"


def is_large(motion: Motion) -> bool:
    """Return whether a motion is larger than what may be left in a good calibration."""
    return abs(motion.amount) > (_SMALL_TURN if motion.kind == "turn" else _SMALL_SHIFT)


def list_motions() -> list[Motion]:
    """Return the turns and shifts that are tried, about and along each axis."""
    return [
        Motion(kind, axis, sign * amount)
        for kind, amounts in AMOUNTS.items()
        for axis in range(3)
        for amount in amounts
        for sign in (-1, 1)
    ]


def list_neighbors(motion: Motion) -> list[Motion]:
    """Return motions of the same kind and axis whose amounts lie close to its own."""
    return [motion._replace(amount=motion.amount * factor) for factor in _REFINED]


def _degrees(amount: float) -> str:
    number = f"{abs(amount):.2g}"
    return f"{number} degree" if number == "1" else f"{number} degrees"
