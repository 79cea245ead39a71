"""Checks of how sensors are mounted on a vehicle: units, and the sense of rotations."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from pyquaternion import Quaternion

from perception_kd.datasets.vehicle_limits import MAX_SENSOR_DISTANCE
from perception_kd.structures import Array

_FARTHEST_M, _SAME_M = 25.0, 0.005
_UPRIGHT, _LYING, _BETTER = 0.9, 0.5, 0.4  # cosines
_UNITS = {"mm": 1000.0, "cm": 100.0}


@dataclass(frozen=True)
class Mount:
    """Mount of a sensor, from its coordinates to those of the ego vehicle.

    Attributes:
        name: Its channel and, for messages, its record.
        is_camera: Whether its axes are x right, y down, z forward; else z is up.
        rotation: Quaternion (w, x, y, z).
        translation: x, y, z in m.
    """

    name: str
    is_camera: bool
    rotation: tuple[float, float, float, float]
    translation: tuple[float, float, float]


@dataclass
class MountFaults:
    """Faults of the mounts of a vehicle.

    Attributes:
        error: What cannot be right; empty if nothing.
        doubts: What looks wrong, by mount.
    """

    error: str = ""
    doubts: dict[str, str] = field(default_factory=dict)


def check_mounts(mounts: Sequence[Mount]) -> MountFaults:
    """Return the faults of the mounts of all sensors of a vehicle."""
    found = MountFaults()
    for mount in mounts:
        distance = float(np.linalg.norm(mount.translation))
        if distance > _FARTHEST_M:
            units = [
                unit for unit, size in _UNITS.items() if distance / size < MAX_SENSOR_DISTANCE / 2
            ]
            guess = f"; it looks like {units[-1]}" if units else ""
            what = f"translation is {distance:.3g} m away from the ego vehicle's origin"
            found.error = found.error or f"{mount.name} {what}{guess}; it must be in m."
        elif distance > MAX_SENSOR_DISTANCE:
            found.doubts[mount.name] = f"is {distance:.0f} m away from the ego vehicle's origin"
    _check_senses(mounts, found)
    _check_places(mounts, found)
    return found


def _check_places(mounts: Sequence[Mount], found: MountFaults) -> None:
    if len(mounts) < 3:
        return
    places = np.array([mount.translation for mount in mounts], float)
    if np.ptp(places, axis=0).max() < _SAME_M:
        what = "is where all other sensors are; translation must be in m, perhaps it is in km"
        found.doubts.setdefault(mounts[0].name, what)


def _check_senses(mounts: Sequence[Mount], found: MountFaults) -> None:
    """Check that sensors are upright as given rather than in another sense."""
    if not mounts:
        return
    given = np.array([_up(mount, _as_given(mount)) for mount in mounts])
    # Cameras of a rig may all hang upside down.
    views = given[[mount.is_camera for mount in mounts]]
    hang = bool(len(views)) and views.max() < -_UPRIGHT
    others = {
        name: np.array([_up(mount, turn(mount)) for mount in mounts])
        for name, turn in _SENSES.items()
    }
    for name, ups in others.items():
        if not hang and ups.mean() > _UPRIGHT and given.mean() < ups.mean() - _BETTER:
            worst = mounts[int(np.argmax(ups - given))]
            found.error = found.error or (
                f"{worst.name} rotation: the sensors are not upright as it is read, but would be "
                f"if rotations were {name}; correct them."
            )
            return
    for number, mount in enumerate(mounts):
        if given[number] > _LYING:
            continue
        axes = _as_given(mount)[2, 2] if mount.is_camera else 0.0
        guesses = [name for name, ups in others.items() if ups[number] > _UPRIGHT]
        if axes > _UPRIGHT:
            guesses.append("of axes x forward, y left, z up instead of x right, y down, z forward")
        if guesses:
            text = f"is not upright; perhaps rotation is {' or '.join(guesses)}"
            found.doubts.setdefault(mount.name, text)


def _up(mount: Mount, rotation: Array) -> float:
    """Return the cosine between the upward axis of a sensor and that of the vehicle."""
    return float(-rotation[2, 1] if mount.is_camera else rotation[2, 2])


def _as_given(mount: Mount) -> Array:
    return np.asarray(Quaternion(mount.rotation).rotation_matrix)


def _in_other_order(mount: Mount) -> Array:
    x, y, z, w = mount.rotation
    return np.asarray(Quaternion(w, x, y, z).rotation_matrix)


def _inverse(mount: Mount) -> Array:
    return _as_given(mount).T


_SENSES: Mapping[str, Callable[[Mount], Array]] = {
    "in the order x, y, z, w instead of w, x, y, z": _in_other_order,
    "from the ego vehicle to the sensor instead of from the sensor": _inverse,
}
