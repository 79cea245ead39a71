"""Folders of strangers: the first rig file is right, and needs no edit."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from scipy.spatial.transform import Rotation

from perception_kd.datasets.camera_lidar_dataset import CameraLidarDataset
from perception_kd.datasets.folder.converter import convert_folder
from perception_kd.datasets.folder.propose import propose_rig
from perception_kd.datasets.folder.rig_file import read_rig
from perception_kd.geometry.rigid import invert_rigid, make_rigid
from perception_kd.structures import Array
from tests.datasets.folder.drives import write_pcd

NUM_SWEEPS = 3
CAM2IMG = np.array([[50.0, 0, 31], [0, 52, 23], [0, 0, 1]])
LOOKS_AHEAD = np.array([[0.0, -1, 0], [0, 0, -1], [1, 0, 0]])


def mount(yaw_deg: float) -> Array:
    """Return ``lidar2cam`` of a camera that is turned to the left, (4, 4)."""
    turn = Rotation.from_euler("z", -yaw_deg, degrees=True).as_matrix()
    tilt = Rotation.from_euler("x", 2, degrees=True).as_matrix()
    return make_rigid(tilt @ LOOKS_AHEAD @ turn, np.array([0.2, 0.1, -0.1]) + yaw_deg / 100)


MOUNTS = {"front": mount(3), "left": mount(60), "front_left": mount(35)}


def write_clouds(folder: Path, names: list[str]) -> None:
    """Write sweeps; their names may have folders."""
    rng = np.random.default_rng(0)
    for name in names:
        points = np.zeros((3000, 5), np.float32)
        points[:, :3] = rng.uniform([-40, -40, -2], [40, 40, 2], (3000, 3))
        points[:, 3] = rng.integers(0, 256, 3000)
        path = folder / f"{name}.pcd"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_pcd(path, points)


def write_images(folder: Path, names: list[str], suffix: str = ".png") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / f"{name}{suffix}").parent.mkdir(exist_ok=True)
        cv2.imwrite(str(folder / f"{name}{suffix}"), np.zeros((48, 64, 3), np.uint8))


def list_names(form: str = "{:06d}", first: int = 100, step: int = 1) -> list[str]:
    return [form.format(first + step * i) for i in range(NUM_SWEEPS)]


def write_json(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def numbers(matrix: Array) -> str:
    return " ".join(map(repr, np.asarray(matrix).ravel().tolist()))


def convert(root: Path, rig: Path | None = None) -> Any:
    """Propose, convert without an edit, and return the first sample."""
    path = rig or propose_rig(root)
    assert "?" not in read_kept(path)
    convert_folder(root, path, root.parent / "out", progress=False, workers=0)
    return CameraLidarDataset("folder_infos_train.pkl", str(root), str(root.parent / "out"))[0]


def read_kept(path: Path) -> str:
    """Return the lines of a rig file that are no comments, without what follows #."""
    lines = path.read_text().splitlines()
    return "\n".join(x.partition("  # ")[0] for x in lines if not x.strip().startswith("#"))


def assert_calibrated(sample: Any, mounts: dict[str, Array] = MOUNTS, atol: float = 1e-6) -> None:
    for name, expected in mounts.items():
        place = sample["cam_names"].index(name)
        np.testing.assert_allclose(sample["lidar2cam"][place], expected, atol=atol)
        np.testing.assert_allclose(sample["cam2img"][place], CAM2IMG, atol=atol)
    assert len(sample["cam_names"]) == len(mounts)


def write_three(root: Path, calibrate: Callable[[Path, str, Array], None]) -> Path:
    """Write three cameras in folders, one named after the two others."""
    write_clouds(root / "pcd", list_names())
    for name, lidar2cam in MOUNTS.items():
        write_images(root / name / "data", list_names())
        calibrate(root, name, lidar2cam)
    return root


def in_matrices(root: Path, name: str, lidar2cam: Array) -> None:
    content = {"cam2lidar": invert_rigid(lidar2cam).tolist(), "K": CAM2IMG.tolist()}
    write_json(root / "calib" / f"{name}.json", content)


def in_names(root: Path, name: str, lidar2cam: Array) -> None:
    x, y, z, w = Rotation.from_matrix(lidar2cam[:3, :3]).as_quat().tolist()
    position = dict(zip("xyz", lidar2cam[:3, 3].tolist(), strict=True))
    content = {
        "intrinsics": {"fx": 50.0, "fy": 52.0, "cx": 31.0, "cy": 23.0},
        "lidar_to_camera": {"rotation": {"w": w, "x": x, "y": y, "z": z}, "translation": position},
    }
    write_json(root / f"calib_{name}.json", content)


def in_one_file(root: Path, name: str, lidar2cam: Array) -> None:
    path = root / "sensors.json"
    content = json.loads(path.read_text()) if path.exists() else {}
    quaternion = np.roll(Rotation.from_matrix(lidar2cam[:3, :3]).as_quat(), 1)
    content[name] = {
        "camera_matrix": CAM2IMG.ravel().tolist(),
        "extrinsics": {"t": lidar2cam[:3, 3].tolist(), "quaternion_wxyz": quaternion.tolist()},
    }
    write_json(path, content)


def in_angles(root: Path, name: str, lidar2cam: Array) -> None:
    roll, pitch, yaw = Rotation.from_matrix(lidar2cam[:3, :3]).as_euler("xyz").tolist()
    x, y, z = lidar2cam[:3, 3].tolist()
    values = {"x": x, "y": y, "z": z, "roll": roll, "pitch": pitch, "yaw": yaw}
    (root / f"{name}.yaml").write_text(yaml.safe_dump({"K": CAM2IMG.tolist(), "lidar2cam": values}))


def in_text(root: Path, name: str, lidar2cam: Array) -> None:
    lines = f"K: {numbers(CAM2IMG)}\r\nR: {numbers(lidar2cam[:3, :3])}\r\n"
    (root / f"{name}.txt").write_bytes(
        b"\xef\xbb\xbf" + f"{lines}T: {numbers(lidar2cam[:3, 3])}\r\n".encode()
    )


@pytest.mark.parametrize("calibrate", [in_matrices, in_names, in_one_file, in_angles, in_text])
def test_calibrations_of_any_notation_are_found(
    tmp_path: Path, calibrate: Callable[[Path, str, Array], None]
) -> None:
    assert_calibrated(convert(write_three(tmp_path / "drive", calibrate)))


def test_a_camera_without_a_calibration_gets_that_of_no_other(tmp_path: Path) -> None:
    root = write_three(tmp_path / "drive", in_matrices)
    (root / "calib" / "front.json").unlink()
    text = propose_rig(root).read_text()
    of_front = text.partition('"front":')[2].partition('"front_left":')[0]
    assert "# ? intrinsics" in of_front
    assert "# ? lidar2cam or cam2lidar" in of_front


def test_cameras_are_told_apart_by_the_names_of_files(tmp_path: Path) -> None:
    root = tmp_path / "drive"
    write_clouds(root / "all", list_names("top_{:06d}"))
    for name, lidar2cam in MOUNTS.items():
        write_images(root / "all", list_names(f"{name}_{{:06d}}"))
        in_matrices(root, name, lidar2cam)
    assert_calibrated(convert(root))


@pytest.mark.parametrize(
    ("form", "first"),
    [
        ("{}", 1_533_151_603_000_000_000),
        ("{}", 1_533_151_603_000_000),
        ("{}", 1_533_151_603_000),
        ("{:.6f}", 1_533_151_603),
        ("{}", 1_533_151_603),
        ("img_{}_000000000", 1_533_151_603),
        ("{}-250", 1_533_151_603),
    ],
)
def test_times_of_any_unit_are_seconds(tmp_path: Path, form: str, first: int) -> None:
    root = tmp_path / "drive"
    names = list_names(form, first, 10 ** (len(str(first)) - 10))
    write_clouds(root / "points", names)
    write_images(root / "front", names)
    in_matrices(root, "front", MOUNTS["front"])
    sample = convert(root)
    assert sample["timestamp"] == pytest.approx(1_533_151_603, abs=0.3)
    assert sample["cam_names"] == ["front"]


@pytest.mark.parametrize(
    "table",
    [
        "file,stamp\n000100.png,5.0\n000101.png,5.1\n000102.png,5.2\n",
        "0.9 000100\n1.0 000101\n1.1 000102\n",
        "2011-09-26 13:02:25.964389445\n2011-09-26 13:02:26.064\n2011-09-26 13:02:26.17\n",
        "# seconds\r\n1.0\r\n1.1\r\n1.2\r\n",
    ],
)
def test_tables_of_times_are_found_near_the_files(tmp_path: Path, table: str) -> None:
    root = tmp_path / "drive"
    write_clouds(root / "lidar" / "data", list_names())
    write_images(root / "front" / "data", list_names())
    (root / "lidar" / "timestamps.txt").write_text(table)
    (root / "front" / "timestamps.txt").write_text(table)
    in_matrices(root, "front", MOUNTS["front"])
    rig = read_rig(propose_rig(root))
    assert rig.lidar.times.file == "lidar/timestamps.txt"
    assert rig.cameras[0].times.file == "front/timestamps.txt"
    assert_calibrated(convert(root, rig.path), {"front": MOUNTS["front"]})


def test_one_of_several_lidars_is_chosen_by_name(tmp_path: Path) -> None:
    root = tmp_path / "drive"
    for scene in ("a", "b"):
        for lidar in ("roof", "bumper"):
            write_clouds(root / scene / lidar, list_names())
    rig = read_rig(propose_rig(root, lidar="bumper"))
    assert rig.lidar.files == "{scene}/bumper/*.pcd"
    assert "{scene}/roof/*.pcd, 6 files; --lidar roof proposes it" in rig.path.read_text()
    with pytest.raises(ValueError, match=r"'top', but the point clouds .* of bumper, roof"):
        propose_rig(root, tmp_path / "rig.yaml", lidar="top")


def test_files_that_are_not_read_are_named(tmp_path: Path) -> None:
    root = tmp_path / "drive"
    write_clouds(root / "lidar", list_names())
    for name in ("cam/1.bmp", "cam/2.bmp", "drive.mcap", "video.MP4", "old.tar"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(b"0")
    text = propose_rig(root).read_text()
    assert "# not read: cam/*.bmp, 2 files; store images as PNG or JPEG" in text
    assert "# not read: *.mcap, 1 file; convert it with create_data.py rosbag" in text
    assert "# not read: *.MP4, 1 file; store the frames as PNG or JPEG" in text
    assert "# not read: *.tar, 1 file; unpack it" in text


def test_calibrations_of_kitti_are_found(tmp_path: Path) -> None:
    root = tmp_path / "2011_09_26"
    drive = root / "2011_09_26_drive_0001_sync"
    write_clouds(drive / "velodyne_points" / "data", list_names("{:010d}"))
    turn = make_rigid(Rotation.from_euler("y", 1, degrees=True).as_matrix(), np.zeros(3))
    lines = [f"R_rect_00: {numbers(turn[:3, :3])}", "corner_dist: 9.95e-02"]
    for camera in (2, 3):
        write_images(drive / f"image_0{camera}" / "data", list_names("{:010d}"))
        offset = np.array([[-50.0 * 0.1 * camera], [0], [0]])
        lines.append(f"K_0{camera}: {numbers(CAM2IMG * [1.1])}")
        lines.append(f"P_rect_0{camera}: {numbers(np.hstack([CAM2IMG, offset]))}")
    (root / "calib_cam_to_cam.txt").write_text("\n".join(lines))
    velo2cam = MOUNTS["front"]
    (root / "calib_velo_to_cam.txt").write_text(
        f"calib_time: 15-Mar-2012 11:37:16\nR: {numbers(velo2cam[:3, :3])}\n"
        f"T: {numbers(velo2cam[:3, 3])}\n"
    )
    (root / "calib_imu_to_velo.txt").write_text(f"R: {numbers(np.eye(3))}\nT: 0.8 0.3 0.7\n")
    expected = {
        f"image_0{camera}": make_rigid(np.eye(3), np.array([-0.1 * camera, 0, 0])) @ turn @ velo2cam
        for camera in (2, 3)
    }
    assert_calibrated(convert(root), expected)


@pytest.mark.parametrize(
    ("model", "expected"), [("plumb_bob", "opencv"), ("equidistant", "fisheye")]
)
def test_calibrations_of_ros_are_found(tmp_path: Path, model: str, expected: str) -> None:
    root = tmp_path / "drive"
    coefficients = [-0.05, 0.01, 0.0, 0.0] + [0.0] * (model == "plumb_bob")
    content = {
        "image_width": 64,
        "image_height": 48,
        "camera_name": "front",
        "camera_matrix": {"rows": 3, "cols": 3, "data": CAM2IMG.ravel().tolist()},
        "distortion_model": model,
        "distortion_coefficients": {"rows": 1, "cols": 5, "data": coefficients},
        "rectification_matrix": {"rows": 3, "cols": 3, "data": np.eye(3).ravel().tolist()},
        "projection_matrix": {"rows": 3, "cols": 4, "data": [1.0] * 12},
    }
    write_clouds(root / "points", list_names())
    write_images(root / "front", list_names())
    (root / "front_camera_info.yaml").write_text(yaml.safe_dump(content))
    write_json(root / "front_T_camera_lidar.json", {"T": MOUNTS["front"].tolist()})
    (camera,) = read_rig(propose_rig(root)).cameras
    assert camera.distortion_model == expected
    assert camera.distortion is not None
    np.testing.assert_allclose(camera.distortion.load(root), coefficients)
    sample = convert(root, root / "rig.yaml")
    np.testing.assert_allclose(sample["lidar2cam"][0], MOUNTS["front"], atol=1e-6)


def test_mounts_in_the_vehicle_are_found(tmp_path: Path) -> None:
    root = tmp_path / "drive"
    write_clouds(root / "lidar", list_names())
    lidar2ego = make_rigid(np.eye(3), np.array([1.0, 0, 1.8]))
    content = {"lidar_to_vehicle": lidar2ego.tolist()}
    for name, lidar2cam in MOUNTS.items():
        write_images(root / name, list_names())
        content[f"{name}_to_vehicle"] = (lidar2ego @ invert_rigid(lidar2cam)).tolist()
        content[f"{name}_K"] = CAM2IMG.tolist()
    write_json(root / "calibration.json", content)
    assert_calibrated(convert(root))
