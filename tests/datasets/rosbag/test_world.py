"""A bag of the synthetic world gives the samples of a folder of the same data."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import yaml
from scipy.spatial.transform import Rotation

from perception_kd.datasets.camera_lidar_dataset import CameraLidarDataset
from perception_kd.datasets.rosbag.create import create_recording
from perception_kd.datasets.rosbag.recording import BAG_MANIFEST
from perception_kd.datasets.rosbag.settings import ExtractionSettings
from perception_kd.datasets.transforms import LoadImages, LoadPoints
from perception_kd.geometry.rigid import invert_rigid, make_rigid
from perception_kd.structures import Array
from tests.datasets.rosbag.bags import (
    FORMATS,
    BagMaker,
    Sent,
    camera_info,
    cloud,
    compressed,
    image,
    odometry,
    transforms,
)
from tools.create_data import main

LIDAR = "LIDAR_TOP"
# Channel, name of the camera, and whether its images are compressed in the bag.
CAMERAS = (("CAM_FRONT", "front", True), ("CAM_BACK", "rear", True), ("CAM_BACK_LEFT", "l", False))
COLUMNS = ("x", "y", "z", "intensity", "ring")


class Measured(NamedTuple):
    """A file of a sensor of the synthetic world."""

    channel: str
    time_us: int
    path: Path
    ego2world: Array
    sensor2ego: Array
    cam2img: Array


def read_world(root: Path) -> Iterator[Measured]:
    """Yield the measurements of the first scene in the order of time."""
    tables = {path.stem: json.loads(path.read_text()) for path in root.glob("v1.0-mini/*.json")}
    find = {name: {x["token"]: x for x in rows} for name, rows in tables.items()}
    scene = tables["scene"][0]["token"]
    for record in sorted(tables["sample_data"], key=lambda x: x["timestamp"]):
        mount = find["calibrated_sensor"][record["calibrated_sensor_token"]]
        if find["sample"][record["sample_token"]]["scene_token"] == scene:
            yield Measured(
                find["sensor"][mount["sensor_token"]]["channel"],
                record["timestamp"],
                root / record["filename"],
                as_matrix(find["ego_pose"][record["ego_pose_token"]]),
                as_matrix(mount),
                np.array(mount["camera_intrinsic"] or np.eye(3), float),
            )


def as_matrix(record: dict[str, Any]) -> Array:
    """Return the transform of a table, whose quaternions begin with w."""
    turn = Rotation.from_quat(np.roll(record["rotation"], -1))
    return make_rigid(turn.as_matrix(), np.array(record["translation"]))


def split_matrix(matrix: Array) -> tuple[list[float], list[float]]:
    return matrix[:3, 3].tolist(), Rotation.from_matrix(matrix[:3, :3]).as_quat().tolist()


def read_columns(path: Path) -> Any:
    return np.fromfile(path, [(name, "<f4") for name in COLUMNS])


def as_messages(world: list[Measured]) -> list[Sent]:
    """Return the world as messages, each recorded 20 ms after it was measured."""
    start = world[0].time_us / 1e6
    mounts = {item.channel: item for item in world}
    names = {LIDAR: "lidar"} | {channel: name for channel, name, _ in CAMERAS}
    links = [
        (start, "base_link", name, *split_matrix(mounts[channel].sensor2ego))
        for channel, name in names.items()
    ]
    sent = [Sent("/tf_static", start, transforms(*links))]
    kinds = {channel: (name, is_compressed) for channel, name, is_compressed in CAMERAS}
    for item in world:
        time, recorded = item.time_us / 1e6, item.time_us / 1e6 + 0.02
        pose = odometry(time, *split_matrix(item.ego2world))
        sent.append(Sent("/odom", recorded, pose))
        if item.channel == LIDAR:
            sent.append(Sent("/lidar/points", recorded, cloud(time, read_columns(item.path))))
        elif item.channel in kinds:
            name, is_compressed = kinds[item.channel]
            pixels = cv2.imread(str(item.path))
            size = pixels.shape[1], pixels.shape[0]
            info = camera_info(time, item.cam2img, size, frame=name)
            sent.append(Sent(f"/{name}/camera_info", recorded, info))
            if is_compressed:
                values = compressed(time, item.path.read_bytes(), "jpeg", frame=name)
                sent.append(Sent(f"/{name}/image_raw/compressed", recorded, values))
            else:
                values = image(time, np.asarray(pixels, np.uint8), "bgr8", frame=name, padding=3)
                sent.append(Sent(f"/{name}/image_raw", recorded, values))
    return sent


def write_folder(world: list[Measured], folder: Path) -> Path:
    """Write the world as a folder with a rig file, without the code of bags."""
    names = {channel: name for channel, name, _ in CAMERAS}
    mounts = {item.channel: item for item in world}
    lidar2ego = mounts[LIDAR].sensor2ego
    poses = []
    for item in world:
        if item.channel not in (LIDAR, *names):
            continue
        place = "lidar" if item.channel == LIDAR else names[item.channel]
        path = folder / place / f"{item.time_us}{'.bin' if place == 'lidar' else item.path.suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(item.path.read_bytes())
        position, turn = split_matrix(item.ego2world @ lidar2ego)
        poses.append([repr(item.time_us / 1e6), *map(repr, [*position, *turn])])
    (folder / "poses.txt").write_text("\n".join(map(" ".join, poses)))
    rig = {
        "times": {"from": "names", "unit": "us"},
        "lidar": {"files": "lidar/*.bin", "columns": [*COLUMNS], "intensity_max": 255},
        "cameras": {
            name: {
                "files": f"{name}/*",
                "intrinsics": mounts[channel].cam2img.tolist(),
                "lidar2cam": (invert_rigid(mounts[channel].sensor2ego) @ lidar2ego).tolist(),
            }
            for channel, name in names.items()
        },
        "poses": {"format": "tum", "file": "poses.txt", "of": "lidar"},
    }
    (folder / "rig.yaml").write_text(yaml.safe_dump(rig))
    return folder


def read_samples(root: Path, out_dir: Path) -> list[Any]:
    steps = [LoadPoints(num_sweeps=2), LoadImages()]
    dataset = CameraLidarDataset("folder_infos_train.pkl", str(root), str(out_dir), pipeline=steps)
    return list(dataset)


def test_a_bag_gives_the_samples_of_a_folder(synthetic_nuscenes: Path, tmp_path: Path) -> None:
    world = list(read_world(synthetic_nuscenes))
    bag = BagMaker(tmp_path, "mcap").write(as_messages(world))
    out = tmp_path / "out"
    assert main(["rosbag", "--bag", str(bag), "--out-dir", str(out), "--workers", "0"]) == 0
    root = write_folder(world, tmp_path / "folder")
    assert main(["folder", "--root", str(root), "--workers", "0"]) == 0
    found, expected = read_samples(out / "recording", out), read_samples(root, root)
    # Images are of keyframes alone; other sweeps are earlier ones of theirs.
    assert len(found) == len(expected) == 3
    sizes = [len(sample["points"]) for sample in expected]
    assert sizes[1] > 1.5 * sizes[0]
    for sample, twin in zip(expected, found, strict=True):
        assert twin["timestamp"] == sample["timestamp"]
        order = [twin["cam_names"].index(name) for name in sample["cam_names"]]
        np.testing.assert_allclose(twin["points"], sample["points"], atol=1e-6)
        for key in ("lidar2cam", "cam2img"):
            np.testing.assert_allclose(twin[key][order], sample[key], atol=1e-6)
        for place, img in zip(order, sample["imgs"], strict=True):
            np.testing.assert_array_equal(twin["imgs"][place], img)
        assert len(order) == len(CAMERAS)


def test_all_formats_give_the_same_files(synthetic_nuscenes: Path, tmp_path: Path) -> None:
    messages = as_messages(list(read_world(synthetic_nuscenes)))
    contents = []
    for kind in FORMATS:
        bag = BagMaker(tmp_path, kind, f"drive_{kind}").write(messages)
        folder = create_recording(
            [bag], tmp_path / kind, ExtractionSettings(), command="make", progress=False
        )
        paths = [x for x in folder.rglob("*") if x.is_file() and x.name != BAG_MANIFEST]
        contents.append({str(x.relative_to(folder)): x.read_bytes() for x in paths})
    assert len(contents[0]) > 10
    assert contents[0] == contents[1] == contents[2]
