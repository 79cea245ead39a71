"""A recording of a car in no public layout, made from the fake nuScenes tree."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image

from perception_kd.structures import Points

MINI = "v1.0-mini"
# Name, size and format of the images of each camera.
CAMERAS = {
    "CAM_FRONT": ("weitwinkel", (160, 90), ".jpg"),
    "CAM_BACK": ("7-rear.b", (80, 45), ".png"),
    "CAM_FRONT_LEFT": ("L", (120, 80), ".png"),
}


def make_drive(root: Path, folder: Path, suffix: str = ".bin") -> Path:
    """Write a folder per scene with clouds, images and poses, and a rig file.

    One camera is resized, one is cropped from the right and below.

    Args:
        root: Fake nuScenes tree with images of 160 x 90 px.
        folder: Folder to create.
        suffix: Format of the clouds, ".bin" or ".pcd".
    """
    tables = {path.stem: json.loads(path.read_text()) for path in root.glob(f"{MINI}/*.json")}
    by_token = {
        name: {x["token"]: x for x in tables[name]}
        for name in ("scene", "sample", "sensor", "calibrated_sensor", "ego_pose")
    }
    poses = defaultdict(list)
    calibration: dict[str, Any] = {}
    for record in tables["sample_data"]:
        sample = by_token["sample"][record["sample_token"]]
        scene = by_token["scene"][sample["scene_token"]]["name"]
        calibrated = by_token["calibrated_sensor"][record["calibrated_sensor_token"]]
        channel = by_token["sensor"][calibrated["sensor_token"]]["channel"]
        if channel not in (*CAMERAS, "LIDAR_TOP"):
            continue
        place = {"translation": calibrated["translation"]}
        calibration.setdefault(scene, {})[channel] = {
            **place,
            "rotation": calibrated["rotation"],
            "K": calibrated["camera_intrinsic"],
        }
        pose = by_token["ego_pose"][record["ego_pose_token"]]
        poses[scene].append([record["timestamp"], *pose["translation"], *pose["rotation"]])
        source = root / record["filename"]
        if channel == "LIDAR_TOP":
            _write_points(folder / scene / "cloud" / f"{record['timestamp']}{suffix}", source)
        else:
            _write_image(folder / scene, channel, record["timestamp"], source)
    for scene, rows in poses.items():
        lines = sorted({tuple(row) for row in rows})
        text = "".join(",".join(map(repr, row)) + "\n" for row in lines)
        (folder / scene / "odometry.csv").write_text("t,x,y,z,qw,qx,qy,qz\n" + text)
        (folder / scene / "calib.json").write_text(json.dumps(calibration[scene]))
    (folder / "rig.yaml").write_text(yaml.safe_dump(rig_content(suffix), sort_keys=False))
    return folder


def rig_content(suffix: str = ".bin") -> dict[str, Any]:
    """Return the content of the rig file."""
    cameras: dict[str, Any] = {}
    for channel, (name, _, ending) in CAMERAS.items():
        cameras[name] = {
            "files": f"{{scene}}/images {name}/*{ending}",
            "intrinsics": _in_file(channel, "K"),
            "cam2ego": _transform(channel),
        }
    cameras["7-rear.b"]["calibrated_size"] = [160, 90]
    lidar: dict[str, Any] = {"files": f"{{scene}}/cloud/*{suffix}", "intensity_max": 255}
    if suffix == ".bin":
        lidar["columns"] = ["ring", "x", "y", "z", "pad", "intensity"]
    return {
        "times": {"from": "names", "unit": "us"},
        "lidar": lidar | {"lidar2ego": _transform("LIDAR_TOP")},
        "cameras": cameras,
        "frames": {"every_s": 0.5, "tolerance_s": 0.06},
        "poses": {
            "format": "csv",
            "file": "{scene}/odometry.csv",
            "of": "ego",
            "unit": "us",
            "columns": {x: x for x in ("x", "y", "z", "qw", "qx", "qy", "qz")} | {"time": "t"},
        },
    }


def _in_file(channel: str, key: str) -> dict[str, str]:
    return {"file": "{scene}/calib.json", "key": f"{channel}.{key}"}


def _transform(channel: str) -> dict[str, Any]:
    translation = _in_file(channel, "translation")
    return {"translation": translation, "quaternion_wxyz": _in_file(channel, "rotation")}


def _write_points(path: Path, source: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    points = np.fromfile(source, np.float32).reshape(-1, 5)
    if path.suffix == ".bin":
        x, y, z, intensity, ring = points.T
        np.column_stack([ring, x, y, z, np.zeros_like(x), intensity]).tofile(path)
    else:
        write_pcd(path, points)


def write_pcd(path: Path, points: Points) -> None:
    """Write rows x, y, z, intensity, ring as a binary PCD file with padding."""
    fields = [("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("_", "u1", 4), ("intensity", "<f4")]
    rows = np.zeros(len(points), [*fields, ("ring", "<u2")])
    for name, column in zip(("x", "y", "z", "intensity", "ring"), points.T, strict=True):
        rows[name] = column
    head = (
        "# .PCD v0.7 - Point Cloud Data file format\nVERSION 0.7\n"
        "FIELDS x y z _ intensity ring\nSIZE 4 4 4 1 4 2\nTYPE F F F U F U\nCOUNT 1 1 1 4 1 1\n"
        f"WIDTH {len(rows)}\nHEIGHT 1\nVIEWPOINT 0 0 0 1 0 0 0\nPOINTS {len(rows)}\nDATA binary\n"
    )
    path.write_bytes(head.encode() + rows.tobytes())


def _write_image(folder: Path, channel: str, timestamp: int, source: Path) -> None:
    name, size, ending = CAMERAS[channel]
    path = folder / f"images {name}" / f"{timestamp}{ending}"
    path.parent.mkdir(parents=True, exist_ok=True)
    with Image.open(source) as image:
        if channel == "CAM_BACK":
            image.resize(size).save(path)
        else:
            image.crop((0, 0, *size)).save(path)
