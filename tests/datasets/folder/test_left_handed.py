"""Left-handed recordings, as of CARLA: the samples are those of their twins."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from scipy.spatial.transform import Rotation

from perception_kd.datasets.camera_lidar_dataset import CameraLidarDataset
from perception_kd.datasets.folder.converter import convert_folder
from perception_kd.datasets.folder.sections import RigError
from perception_kd.datasets.transforms import LoadPoints
from perception_kd.structures import Array
from tests.datasets.folder.drives import CAMERAS, make_drive
from tests.fake_data import make_nuscenes

LEFT_HANDED = ["forward", "right", "up"]
MIRROR = np.diag([1.0, -1, 1, 1])
# From x forward, y right, z up to x right, y down, z forward.
BODY2OPTICAL = np.array([[0.0, 1, 0, 0], [0, 0, -1, 0], [1, 0, 0, 0], [0, 0, 0, 1]])


@pytest.fixture(scope="module")
def drive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("left") / "nuscenes"
    make_nuscenes(root, img_size=(90, 160), num_azimuths=72)
    return make_drive(root, root.parent / "drive")


def matrix_of(place: dict[str, Any]) -> Array:
    w, x, y, z = place["rotation"]
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_quat([x, y, z, w]).as_matrix()
    matrix[:3, 3] = place["translation"]
    return matrix


def mirror_drive(root: Path, of: str) -> None:
    """Write points, extrinsics and poses of a recording in left-handed coordinates."""
    for path in root.glob("*/cloud/*.bin"):
        points = np.fromfile(path, np.float32).reshape(-1, 6)
        points[:, 2] *= -1
        points.tofile(path)
    lidar2ego, camera2ego = {}, {}
    for path in root.glob("*/calib.json"):
        sensors = json.loads(path.read_text())
        lidar2ego[path.parent] = matrix_of(sensors["LIDAR_TOP"])
        optical2ego = matrix_of(sensors["CAM_FRONT_LEFT"])
        camera2ego[path.parent] = optical2ego @ BODY2OPTICAL @ MIRROR
        for name, sensor in sensors.items():
            last = MIRROR if name == "LIDAR_TOP" else BODY2OPTICAL
            sensor["T"] = (MIRROR @ matrix_of(sensor) @ last).tolist()
        path.write_text(json.dumps(sensors))
    turn = np.eye(4)
    turn[:3, :3] = Rotation.from_euler("xyz", [0.1, -0.2, 0.3]).as_matrix()
    lidar2body = turn if of == "body" else np.eye(4)
    for path in root.glob("*/odometry.csv"):
        body2ego = lidar2ego[path.parent] @ np.linalg.inv(lidar2body)
        body2ego = np.eye(4) if of == "ego" else body2ego
        body2ego = camera2ego[path.parent] if of == "L" else body2ego
        rows = np.loadtxt(path, delimiter=",", skiprows=1)
        lines = []
        for time, *numbers in rows.tolist():
            ego2world = matrix_of({"translation": numbers[:3], "rotation": numbers[3:]})
            pose = MIRROR @ ego2world @ body2ego @ MIRROR
            x, y, z, w = Rotation.from_matrix(pose[:3, :3]).as_quat().tolist()
            lines.append(",".join(map(repr, [int(time), *pose[:3, 3].tolist(), w, x, y, z])))
        path.write_text("\n".join(["t,x,y,z,qw,qx,qy,qz", *lines]) + "\n")
    content = yaml.safe_load((root / "rig.yaml").read_text())
    content["lidar"] |= {"axes": LEFT_HANDED, "lidar2ego": in_file("LIDAR_TOP")}
    content["poses"]["of"] = of
    if of == "body":
        content["poses"]["lidar2body"] = (MIRROR @ lidar2body @ MIRROR).tolist()
    for channel, (name, _, _) in CAMERAS.items():
        content["cameras"][name] |= {"axes": LEFT_HANDED, "cam2ego": in_file(channel)}
    (root / "rig.yaml").write_text(yaml.safe_dump(content, sort_keys=False))


def in_file(channel: str) -> dict[str, str]:
    return {"file": "{scene}/calib.json", "key": f"{channel}.T"}


def read_samples(root: Path) -> list[Any]:
    out = root.parent / f"{root.name}_out"
    convert_folder(root, out_dir=out, progress=False, workers=0)
    steps = [LoadPoints(num_sweeps=2)]
    return [*CameraLidarDataset("folder_infos_train.pkl", str(root), str(out), steps)]


@pytest.mark.parametrize("of", ["ego", "lidar", "body", "L"])
def test_left_handed_recordings_are_read_like_their_twins(
    drive: Path, tmp_path: Path, of: str
) -> None:
    right = Path(shutil.copytree(drive, tmp_path / "right"))
    left = Path(shutil.copytree(drive, tmp_path / "left"))
    mirror_drive(left, of)
    pairs = list(zip(read_samples(left), read_samples(right), strict=True))
    assert len(pairs) == 4
    for found, expected in pairs:
        for key in ("points", "lidar2cam", "lidar2ego", "ego2global", "cam2img"):
            assert np.allclose(found[key], expected[key], rtol=0, atol=1e-6), key
        assert len(found["lidar_sweeps"]) == len(expected["lidar_sweeps"])
        for sweep, twin in zip(found["lidar_sweeps"], expected["lidar_sweeps"], strict=True):
            assert np.allclose(sweep["sweep2lidar"], twin["sweep2lidar"], rtol=0, atol=1e-6)
        for matrix in found["lidar2cam"]:
            assert np.linalg.det(matrix[:3, :3]) == pytest.approx(1)


def test_left_handed_recordings_say_what_is_mirrored(drive: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(drive, tmp_path / "drive"))
    mirror_drive(root, "ego")
    converted = convert_folder(root, out_dir=tmp_path / "out", progress=False, workers=0)
    assert any("[forward, right, up] are left-handed" in x for x in converted.remarks)


@pytest.mark.parametrize(
    ("sensor", "words"),
    [
        ("lidar", "cameras.L.cam2ego has a rotation, but the axes of one sensor are left-handed"),
        ("L", "cameras.L.cam2ego has a rotation, but the axes of one sensor are left-handed"),
    ],
)
def test_frames_of_two_hands_need_a_reflection(
    drive: Path, tmp_path: Path, sensor: str, words: str
) -> None:
    root = Path(shutil.copytree(drive, tmp_path / "drive"))
    mirror_drive(root, "ego")
    content = yaml.safe_load((root / "rig.yaml").read_text())
    content["cameras"] = {"L": content["cameras"]["L"]}
    (content["lidar"] if sensor == "lidar" else content["cameras"][sensor]).pop("axes")
    (root / "rig.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    with pytest.raises(RigError) as caught:
        convert_folder(root, out_dir=tmp_path / "out", progress=False, workers=0)
    assert words in str(caught.value)


def test_a_matrix_that_mirrors_leads_to_an_optical_frame(drive: Path, tmp_path: Path) -> None:
    right = Path(shutil.copytree(drive, tmp_path / "right"))
    left = Path(shutil.copytree(drive, tmp_path / "left"))
    mirror_drive(left, "ego")
    for path in left.glob("*/calib.json"):
        sensors = json.loads(path.read_text())
        for channel in CAMERAS:
            sensors[channel]["T"] = (MIRROR @ matrix_of(sensors[channel])).tolist()
        path.write_text(json.dumps(sensors))
    content = yaml.safe_load((left / "rig.yaml").read_text())
    for camera in content["cameras"].values():
        del camera["axes"]
    (left / "rig.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    for found, expected in zip(read_samples(left), read_samples(right), strict=True):
        assert np.allclose(found["lidar2cam"], expected["lidar2cam"], rtol=0, atol=1e-6)
    content["poses"]["of"] = "L"
    (left / "rig.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    with pytest.raises(RigError, match=r"poses\.of is 'L', but either its axes or lidar\.axes"):
        convert_folder(left, out_dir=tmp_path / "out", progress=False, workers=0)
