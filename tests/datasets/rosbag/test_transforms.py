"""Chains of frames, and poses between their times, against hand-derived values."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from perception_kd.datasets.rosbag.poses import PoseChain, TransformHistory
from perception_kd.datasets.rosbag.transform_tree import (
    Link,
    StampedTransform,
    TransformTree,
    make_stamped,
)
from perception_kd.io.errors import BrokenFileError
from perception_kd.structures import Array

SECOND = 10**9


def transform(
    parent: str, child: str, place: tuple[float, float, float], yaw_deg: float = 0, time: float = 0
) -> StampedTransform:
    quaternion = Rotation.from_euler("z", yaw_deg, degrees=True).as_quat()
    return StampedTransform(Link(child, parent), int(time * SECOND), np.array(place), quaternion)


def apply(matrix: Array | None, point: tuple[float, float, float]) -> list[float]:
    assert matrix is not None
    result: list[float] = np.round(matrix @ [*point, 1], 9)[:3].tolist()
    return result


def make_tree() -> TransformTree:
    # base has the LiDAR 1 m above and, 2 m ahead and turned to the left, a camera.
    tree = TransformTree()
    tree.add(transform("base", "lidar", (0, 0, 1)), is_static=True)
    tree.add(transform("base", "mount", (2, 0, 0), yaw_deg=90), is_static=True)
    tree.add(transform("mount", "cam", (0, 0, 3)), is_static=False)
    tree.add(transform("other", "elsewhere", (0, 0, 0)), is_static=True)
    return tree


def test_a_chain_goes_up_and_down_the_tree() -> None:
    tree = make_tree()
    # (5, 0, 0) of the LiDAR is (5, 0, 1) of base, 3 m ahead of the mount, whose x axis
    # is the y axis of base: (0, -3, 1), and (0, -3, -2) of the camera.
    assert apply(tree.find_source2target("lidar", "cam"), (5, 0, 0)) == [0, -3, -2]
    assert apply(tree.find_source2target("cam", "lidar"), (0, -3, -2)) == [5, 0, 0]
    assert apply(tree.find_source2target("lidar", "lidar"), (1, 2, 3)) == [1, 2, 3]


def test_missing_links_are_named_with_the_frames() -> None:
    tree = make_tree()
    assert tree.find_source2target("lidar", "elsewhere") is None
    text = tree.explain_missing("lidar", "elsewhere")
    assert "'lidar', which is connected with base, cam, mount" in text
    assert "'elsewhere', which is connected with other" in text
    text = tree.explain_missing("lidar", "camm")
    assert text.startswith("no transform has the frame 'camm' (near: cam); there are base, cam")


def test_the_first_transform_of_a_link_is_kept() -> None:
    tree = make_tree()
    tree.add(transform("base", "lidar", (9, 9, 9)), is_static=True)
    assert apply(tree.find_source2target("lidar", "base"), (0, 0, 0)) == [0, 0, 1]


def test_a_transform_without_a_rotation_is_refused() -> None:
    place = SimpleNamespace(x=0.0, y=0.0, z=0.0)
    turn = SimpleNamespace(x=0.0, y=0.0, z=0.0, w=0.0)
    with pytest.raises(BrokenFileError, match=r"base -> lidar .* quaternion of length 0"):
        make_stamped(Link("lidar", "base"), 0, place, turn)


def test_poses_are_interpolated() -> None:
    history = TransformHistory()
    history.add(transform("odom", "base", (4, 0, 0), yaw_deg=90, time=1.0))
    history.add(transform("odom", "base", (0, 0, 0), yaw_deg=0, time=0.5))  # in any order
    quarter = history.at(int(0.625 * SECOND))
    assert apply(quarter, (0, 0, 0)) == [1, 0, 0]
    assert quarter is not None
    yaw = Rotation.from_matrix(quarter[:3, :3]).as_euler("zyx", degrees=True)[0]
    assert yaw == pytest.approx(22.5)
    assert apply(history.at(SECOND), (1, 0, 0)) == [4, 1, 0]


def test_there_is_no_pose_outside_or_in_a_gap() -> None:
    history = TransformHistory()
    for time in (0.5, 1.0, 3.0):
        history.add(transform("odom", "base", (0, 0, 0), time=time))
    assert history.at(SECOND) is not None
    assert [history.at(int(time * SECOND)) for time in (0.4, 2.0, 3.1)] == [None] * 3
    assert TransformHistory().at(0) is None


def test_a_history_forgets_the_past() -> None:
    history = TransformHistory()
    for time in range(1000):
        history.add(transform("odom", "base", (time, 0, 0), time=time))
    assert history.at(999 * SECOND) is not None
    assert history.at(900 * SECOND) is None


def test_the_pose_of_the_lidar_goes_through_its_mount() -> None:
    moving, mount = Link("base", "odom"), Link("lidar", "base")
    fixed = transform("base", "lidar", (0, 0, 1)).child2parent
    chain = PoseChain([mount, moving], "lidar", {mount: fixed})
    assert chain.lidar2world(0) is None
    assert not chain.knows(SECOND)
    for time, x in ((0, 10), (1, 20)):
        chain.histories[moving].add(transform("odom", "base", (x, 0, 0), yaw_deg=90, time=time))
    assert chain.knows(SECOND)
    # Half way at x = 15, turned to the left: 2 m ahead of the LiDAR is 2 m along y.
    assert apply(chain.lidar2world(SECOND // 2), (2, 0, 0)) == [15, 2, 1]
