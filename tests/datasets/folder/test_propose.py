"""A first rig file: what it finds, and what it says about the rest."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from perception_kd.datasets.camera_lidar_dataset import CameraLidarDataset
from perception_kd.datasets.folder.camera_sources import agree_on_directions
from perception_kd.datasets.folder.converter import convert_folder
from perception_kd.datasets.folder.propose import propose_rig
from perception_kd.datasets.folder.rig_file import read_rig
from perception_kd.datasets.transforms import LoadPoints
from perception_kd.geometry.projection import project_points
from tests.datasets.folder.drives import write_pcd

AHEAD = np.array([[0, -1, 0, 0.2], [0, 0, -1, 0.1], [1, 0, 0, -0.1], [0, 0, 0, 1.0]])
RIGHT = np.array([[-1, 0, 0, 0.2], [0, 0, -1, 0.1], [0, -1, 0, -0.1], [0, 0, 0, 1.0]])


def make_folder(root: Path, suffix: str = ".pcd", names: str = "{:06d}") -> Path:
    """Write a folder with two cameras, calibrations in JSON and three sweeps."""
    rng = np.random.default_rng(0)
    for i in range(3):
        points = np.zeros((5000, 5), np.float32)
        points[:, :3] = rng.uniform([-40, -40, -2], [40, 40, 2], (5000, 3))
        points[:, 3] = rng.integers(0, 256, 5000)
        path = root / "lidar" / f"{names.format(965 + 5 * i)}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_pcd(path, points) if suffix == ".pcd" else points[:, :4].tofile(path)
        for camera in ("ahead", "side"):
            path = root / "camera" / camera / f"{names.format(965 + 5 * i)}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (64, 48)).save(path)
    (root / "calib").mkdir()
    for camera, matrix in (("ahead", AHEAD), ("side", RIGHT)):
        content = {
            "extrinsic_old": np.roll(AHEAD, 1, axis=0).ravel().tolist(),
            "extrinsic": matrix.ravel().tolist(),
            "intrinsic": [50, 0, 31, 0, 50, 23, 0, 0, 1],
        }
        (root / "calib" / f"{camera}.json").write_text(json.dumps(content))
    return root


@pytest.mark.parametrize("suffix", [".pcd", ".bin"])
def test_a_plain_folder_needs_no_edit(tmp_path: Path, suffix: str) -> None:
    root = make_folder(tmp_path / "drive", suffix)
    path = propose_rig(root)
    rig = read_rig(path)
    assert [camera.name for camera in rig.cameras] == ["ahead", "side"]
    # The side camera has a symmetric rotation: it follows the other one.
    assert {camera.direction for camera in rig.cameras} == {"lidar2cam"}
    assert np.allclose(rig.cameras[1].extrinsics.load(root), RIGHT)
    converted = convert_folder(root, out_dir=tmp_path / "out", progress=False, workers=0)
    assert converted.num_samples == {"train": 3}


def test_a_guess_is_marked_as_one(tmp_path: Path) -> None:
    text = propose_rig(make_folder(tmp_path / "drive")).read_text()
    assert "rate_hz: 10}  # names have numbers of frames; 10 per second is a guess" in text
    assert "# fields of the files: x, y, z, intensity, ring" in text
    assert "# 3 files, 64 x 48 px" in text
    assert '"side":' in text.split("# ? or its inverse")[0]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("1533151603{:09d}", {"pattern": "{time}", "unit": "ns"}),
        ("cloud_1533151603{:06d}_v2", {"pattern": "cloud_{time}_v2", "unit": "us"}),
        ("f{:03d}", {"pattern": "f{time}", "rate_hz": 10}),
    ],
)
def test_times_are_read_from_names(tmp_path: Path, names: str, expected: dict[str, str]) -> None:
    content = yaml.safe_load(propose_rig(make_folder(tmp_path / "drive", names=names)).read_text())
    assert content["times"] == {"from": "names"} | expected


def test_folders_of_scenes_are_found(tmp_path: Path) -> None:
    for day in ("monday", "tuesday"):
        make_folder(tmp_path / "drives" / day)
    content = yaml.safe_load(propose_rig(tmp_path / "drives").read_text())
    assert content["lidar"]["files"] == "{scene}/lidar/*.pcd"
    assert content["cameras"]["side"]["lidar2cam"]["file"] == "{scene}/calib/side.json"


def test_what_is_missing_is_a_comment(tmp_path: Path) -> None:
    root = make_folder(tmp_path / "drive")
    for path in root.glob("calib/*"):
        path.unlink()
    text = propose_rig(root).read_text()
    assert "# ? intrinsics: " in text
    assert "# ? lidar2cam or cam2lidar: " in text
    with pytest.raises(ValueError, match=r"cameras\.ahead\.intrinsics is missing|must have one of"):
        convert_folder(root, out_dir=tmp_path / "out", progress=False)


def test_a_rig_file_is_never_overwritten(tmp_path: Path) -> None:
    root = make_folder(tmp_path / "drive")
    (root / "rig.yaml").write_text("mine")
    with pytest.raises(FileExistsError, match="exists and stays as it is"):
        propose_rig(root)
    assert (root / "rig.yaml").read_text() == "mine"


def test_the_folder_of_the_rig_file_is_made(tmp_path: Path) -> None:
    root = make_folder(tmp_path / "drive")
    path = propose_rig(root, tmp_path / "new" / "out" / "rig.yaml")
    assert "lidar:" in path.read_text()
    with pytest.raises(PermissionError, match="the folder of --rig"):
        propose_rig(root, path / "below" / "rig.yaml")
    assert not (root / "rig.yaml").exists()


def test_a_folder_without_points_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"No point cloud below .*\.pcd"):
        propose_rig(tmp_path)


def test_cameras_that_cannot_tell_follow_the_others() -> None:
    assert agree_on_directions([0.0, 1.0, 0.9]) == ["lidar2cam"] * 3
    assert agree_on_directions([0.0, -1.0]) == ["cam2lidar"] * 2
    assert agree_on_directions([0.0]) == ["lidar2cam"]


@pytest.mark.parametrize(
    ("name", "cameras", "share"),
    [("own_rig", ["front", "left", "right"], 0.2), ("kitti_raw_fov", ["image_2"], 0.95)],
)
def test_real_recordings_need_no_edit(
    tmp_path: Path, name: str, cameras: list[str], share: float
) -> None:
    if "PERCEPTION_KD_REAL_DATA" not in os.environ:
        pytest.skip("PERCEPTION_KD_REAL_DATA is not set")
    root = Path(os.environ["PERCEPTION_KD_REAL_DATA"]) / name
    rig = propose_rig(root, tmp_path / "rig.yaml")
    assert {camera.direction for camera in read_rig(rig).cameras} == {"lidar2cam"}
    converted = convert_folder(root, rig, tmp_path, progress=False, workers=0)
    steps = [LoadPoints()]
    samples = CameraLidarDataset("folder_infos_train.pkl", str(root), str(tmp_path), pipeline=steps)
    assert len(samples) == converted.num_samples["train"]
    sample = samples[0]
    assert sample["cam_names"] == cameras
    points = sample["points"][:, :3].astype(float)
    for lidar2cam, cam2img, shape in zip(
        sample["lidar2cam"], sample["cam2img"], sample["img_shapes"], strict=True
    ):
        assert project_points(points, lidar2cam, cam2img, shape).visible.mean() > share
