"""Axes of a LiDAR: guessed from names of cameras, held against motion."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from perception_kd.datasets.folder.axes_guess import (
    find_motion,
    guess_axes,
    name_direction,
    turn_axes,
)
from perception_kd.datasets.folder.calibration import axes_matrix, describe_rig_extrinsics
from perception_kd.datasets.folder.converter import convert_folder
from perception_kd.datasets.folder.frames import read_recordings
from perception_kd.datasets.folder.propose import propose_rig
from perception_kd.datasets.folder.rig_file import read_rig
from perception_kd.datasets.folder.scene_data import load_scene
from perception_kd.geometry.rigid import make_rigid
from tests.datasets.folder.test_propose import AHEAD, make_folder

LOOKS = {"front": 0, "left": 90, "rear": 180, "right": -90, "CAM_FRONT_LEFT": 55}
TURNED = ("left", "backward", "up")  # of own recordings


def look(degrees: float, axes: tuple[str, ...] = ("forward", "left", "up")) -> NDArray[np.float64]:
    """Return ``lidar2cam`` of a camera that looks so far to the left."""
    turn = Rotation.from_euler("z", -degrees, degrees=True).as_matrix()
    matrix: NDArray[np.float64] = AHEAD @ make_rigid(turn, np.zeros(3)) @ axes_matrix(axes)
    return matrix


@pytest.mark.parametrize("axes", [("forward", "left", "up"), TURNED, ("right", "down", "forward")])
@pytest.mark.parametrize("names", [["front"], ["rear", "left"], list(LOOKS), ["left", "right"]])
def test_names_of_cameras_tell_the_axes(axes: tuple[str, ...], names: list[str]) -> None:
    cameras = {name: look(LOOKS[name], axes) for name in names}
    assert guess_axes(cameras) == axes


@pytest.mark.parametrize(
    "cameras",
    [
        {},
        {"image_2": look(0)},
        {"left": look(0)},  # one of a pair
        {"left": look(0), "right": look(0)},  # a pair
        {"front": look(0), "rear": look(90)},  # they contradict each other
        {"front": look(45)},
    ],
)
def test_names_that_do_not_tell_give_no_axes(cameras: dict[str, NDArray[np.float64]]) -> None:
    assert guess_axes(cameras) is None


@pytest.mark.parametrize("forward", ["backward", "left", "right"])
def test_turned_axes_make_a_direction_forward(forward: str) -> None:
    given = ("right", "forward", "up")
    turned = turn_axes(given, forward)
    where = axes_matrix(given).T @ axes_matrix((forward, *_others(forward)))  # stored axes
    assert name_direction((axes_matrix(turned) @ where)[:3, 0]) == "forward"


def _others(name: str) -> tuple[str, str]:
    return {"backward": ("right", "up"), "left": ("backward", "up"), "right": ("forward", "up")}[
        name
    ]


def test_a_curve_is_driven_forward() -> None:
    angles = np.linspace(0, np.pi / 2, 50)
    places = 30 * np.stack([np.sin(angles), 1 - np.cos(angles), 0 * angles], axis=1)
    turns = Rotation.from_euler("z", angles[:, None]).as_matrix()
    poses = [make_rigid(turn, place) for turn, place in zip(turns, places, strict=True)]
    motion = find_motion(poses)
    assert motion is not None
    assert name_direction(motion) == "forward"
    assert find_motion(poses[:5]) is None  # too short a way
    standing = [
        make_rigid(np.eye(3), 0.2 * place) for place in np.random.default_rng(0).random((99, 3))
    ]
    assert find_motion(standing) is None


def write_drive(root: Path, direction: tuple[float, float, float]) -> Path:
    """Write a folder whose LiDAR moves 8 m between its sweeps, with a rig file."""
    make_folder(root)
    rig = propose_rig(root, root / "rig.yaml")
    content = yaml.safe_load(rig.read_text())
    content["poses"] = {"format": "kitti", "file": "poses.txt", "of": "lidar"}
    rig.write_text(yaml.safe_dump(content))
    rows = [make_rigid(np.eye(3), 8.0 * i * np.array(direction))[:3].ravel() for i in range(3)]
    np.savetxt(root / "poses.txt", rows)
    return root


@pytest.mark.parametrize(
    ("direction", "expected"),
    [
        (
            (0, 1, 0),
            r"lidar\.axes: .* moves left .*; it moves forward with \[right, forward, up\]",
        ),
        ((0, 0, 1), r"lidar\.axes: .* moves up by the poses\. Correct axes, or poses"),
    ],
)
def test_poses_that_move_to_a_side_are_refused(
    tmp_path: Path, direction: tuple[float, float, float], expected: str
) -> None:
    root = write_drive(tmp_path, direction)
    with pytest.raises(ValueError, match=expected):
        convert_folder(root, progress=False, workers=0)


def test_poses_that_move_backward_are_a_warning(tmp_path: Path) -> None:
    converted = convert_folder(write_drive(tmp_path, (-1, 0, 0)), progress=False, workers=0)
    (warning,) = converted.warnings
    assert (
        "the LiDAR moves backward by the poses; it moves forward with [backward, right" in warning
    )


def test_a_proposal_without_telling_names_says_what_to_check(tmp_path: Path) -> None:
    root = make_folder(tmp_path / "drive")
    (root / "camera/ahead").rename(root / "camera/cam0")
    (root / "calib/ahead.json").rename(root / "calib/cam0.json")
    text = propose_rig(root).read_text()
    assert "# ? axes, where x, y and z of the points point: [forward, left, up] if" in text
    assert "# By its extrinsics, cam0 looks along +x." in text
    assert "# By its extrinsics, side looks along -y." in text


def test_axes_that_names_contradict_are_a_warning(tmp_path: Path) -> None:
    root = make_folder(tmp_path)
    rig = propose_rig(root, root / "rig.yaml")
    assert "axes: [forward, left, up]  # by the names of ahead" in rig.read_text()
    rig.write_text(rig.read_text().replace("[forward, left, up]", "[left, backward, up]"))
    converted = convert_folder(root, progress=False, workers=0)
    (warning,) = converted.warnings
    assert (
        "the names of ahead do not fit where they look with [left, backward, up], but do with"
        in warning
    )
    assert "[forward, left, up]" in warning


@pytest.mark.parametrize("direction", ["lidar2cam", "cam2lidar", "ego2cam", "cam2ego"])
def test_the_inverse_is_that_of_the_other_direction(tmp_path: Path, direction: str) -> None:
    root = make_folder(tmp_path)
    content = yaml.safe_load(propose_rig(root, root / "rig.yaml").read_text())
    content["lidar"] |= {
        "axes": ["left", "backward", "up"],
        "lidar2ego": {"translation": [1.0, 0.2, 1.7], "rpy_deg": [0, 1, 90]},
    }
    for camera in content["cameras"].values():
        camera[direction] = {"translation": [0.3, -0.2, 0.4], "rpy_deg": [1, 2, 30]}
        camera["axes"] = ["forward", "left", "up"]
        if direction != "lidar2cam":
            del camera["lidar2cam"]
    (root / "rig.yaml").write_text(yaml.safe_dump(content))
    rig = read_rig(root / "rig.yaml")
    scene = load_scene(rig, root, read_recordings(rig, root)[0], None)
    extrinsics = describe_rig_extrinsics(rig, scene.lidar2ego)
    for name, camera in scene.cameras.items():
        frame = extrinsics[name].axes_change
        inverse = frame @ np.linalg.inv(camera.lidar2cam) @ frame
        np.testing.assert_allclose(inverse, camera.inverted, atol=1e-9)
        assert extrinsics[name].where == f"{rig.path}: cameras.{name}.{direction}"
