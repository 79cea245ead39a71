"""Mounts of sensors: units and senses that are wrong are named, good ones are not."""

import numpy as np
import pytest
from pyquaternion import Quaternion

from perception_kd.datasets.mount_checks import Mount, check_mounts

AXES = Quaternion(0.5, -0.5, 0.5, -0.5)  # of a camera that looks ahead


def make_rig(pitch_deg: float = 0.0, roll_deg: float = 0.0) -> list[Mount]:
    """Return a LiDAR and four cameras around the vehicle."""
    mounts = [mount_of("lidar", Quaternion(axis=[0, 0, 1], degrees=-90), (0.9, 0.0, 1.8), False)]
    for heading in (0, 80, 180, -80):
        yaw = Quaternion(axis=[0, 0, 1], degrees=heading)
        pitch = Quaternion(axis=[0, 1, 0], degrees=pitch_deg)
        roll = Quaternion(axis=[1, 0, 0], degrees=roll_deg)
        place = yaw.rotate(np.array([0.7, 0.1, 0.0])) + np.array([1.0, 0.0, 1.5])
        mounts.append(mount_of(f"cam{heading}", yaw * pitch * roll * AXES, tuple(place), True))
    return mounts


def mount_of(
    name: str, rotation: Quaternion, place: tuple[float, float, float], is_camera: bool
) -> Mount:
    w, x, y, z = rotation.elements.tolist()
    return Mount(name, is_camera, (w, x, y, z), place)


def reorder(mount: Mount) -> Mount:
    w, x, y, z = mount.rotation
    return Mount(mount.name, mount.is_camera, (x, y, z, w), mount.translation)


def invert(mount: Mount) -> Mount:
    inverse = Quaternion(mount.rotation).inverse
    place = tuple(-inverse.rotate(np.array(mount.translation)))
    return mount_of(mount.name, inverse, place, mount.is_camera)


def move(mount: Mount, factor: float) -> Mount:
    x, y, z = (factor * value for value in mount.translation)
    return Mount(mount.name, mount.is_camera, mount.rotation, (x, y, z))


@pytest.mark.parametrize("pitch_deg", [0, 10, 40])
@pytest.mark.parametrize("roll_deg", [0, 5, 90, 180])
def test_good_rigs_have_no_fault(pitch_deg: float, roll_deg: float) -> None:
    found = check_mounts(make_rig(pitch_deg, roll_deg))
    assert found.error == ""
    assert found.doubts == {} or roll_deg >= 90


def test_rotations_of_another_order_are_named() -> None:
    found = check_mounts([reorder(mount) for mount in make_rig(5)])
    assert "in the order x, y, z, w" in found.error


def test_inverted_extrinsics_are_named() -> None:
    found = check_mounts([invert(mount) for mount in make_rig(5)])
    assert "from the ego vehicle to the sensor" in found.error


def test_one_turned_camera_is_a_doubt() -> None:
    rig = make_rig(5)
    rig[3] = reorder(rig[3])
    found = check_mounts(rig)
    assert found.error == ""
    assert list(found.doubts) == ["cam180"]
    assert "order x, y, z, w" in found.doubts["cam180"]


@pytest.mark.parametrize(("factor", "unit"), [(1000, "looks like mm"), (100, "looks like cm")])
def test_other_units_are_named(factor: float, unit: str) -> None:
    rig = make_rig()
    rig[-1] = move(rig[-1], factor)
    assert unit in check_mounts(rig).error


def test_kilometers_are_a_doubt() -> None:
    assert "where all other sensors are" in str(
        check_mounts([move(mount, 0.001) for mount in make_rig()]).doubts
    )


def test_a_truck_may_be_long() -> None:
    rig = make_rig()
    rig[0] = move(rig[0], 4)
    assert check_mounts(rig).error == ""
    assert check_mounts([]).error == ""
