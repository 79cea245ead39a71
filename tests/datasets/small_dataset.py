"""A data set of a few kilobytes with an info file, written without any converter."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mmdet3d.datasets import NuScenesDataset

from perception_kd.io.info_writer import make_metainfo, write_info

CAMERAS = ("CAM_FRONT", "CAM_BACK")
HEIGHT, WIDTH, NUM_POINTS = 20, 32, 60
CAM2IMG = [[16.0, 0, 15.5], [0, 16.0, 9.5], [0, 0, 1]]
# In mmdet3d's order, which is not that of the classes to learn.
CATEGORIES = {name: i for i, name in enumerate(NuScenesDataset.METAINFO["classes"])} | {
    "animal": -1
}
# Camera axes x right, y down, z forward from LiDAR axes x right, y forward, z up.
LIDAR2CAM = {
    "CAM_FRONT": [[1, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]],
    "CAM_BACK": [[-1, 0, 0, 0], [0, 0, -1, 0], [0, -1, 0, 0], [0, 0, 0, 1]],
}
LIDAR2EGO = [[0, 1, 0, 1], [-1, 0, 0, 0], [0, 0, 1, 2], [0, 0, 0, 1]]
EGO2GLOBAL = [[1, 0, 0, 300], [0, 1, 0, 400], [0, 0, 1, 0], [0, 0, 0, 1]]


def make_small_dataset(root: Path, num_scenes: int = 4, samples_per_scene: int = 2) -> Path:
    """Write ``root/infos.pkl`` and what it names; return ``root``."""
    samples = [
        _write_sample(root, f"scene-{scene}", f"{scene}-{index}", 10 * scene + index)
        for scene in range(num_scenes)
        for index in range(samples_per_scene)
    ]
    prefix = {"pts": "lidar", "pts_semantic_mask": "labels", **{name: name for name in CAMERAS}}
    metainfo = make_metainfo(
        "nuscenes", "v1.0-mini", "make it again", data_prefix=prefix, categories=CATEGORIES
    )
    write_info(root / "infos.pkl", metainfo, samples)
    return root


def _write_sample(root: Path, scene: str, token: str, time: float) -> dict[str, Any]:
    rng = np.random.default_rng([*token.encode()])
    points = rng.uniform(-8, 8, (NUM_POINTS, 5)).astype(np.float32)
    points[:, 2] /= 4
    points[:, 4] = np.arange(NUM_POINTS) % 32
    files = {
        f"lidar/{token}.bin": points.tobytes(),
        f"sweeps/{token}.bin": (points + 1).tobytes(),
        f"labels/{token}.bin": (np.arange(NUM_POINTS) % 32).astype(np.uint8).tobytes(),
    }
    for camera in CAMERAS:
        img = rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        files[f"{camera}/{token}.png"] = cv2.imencode(".png", img)[1].tobytes()
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    sweep2lidar = np.eye(4)
    sweep2lidar[:3, 3] = -0.5, -1, 0
    return {
        "token": token,
        "scene_token": f"token-of-{scene}",
        "scene_name": scene,
        "location": "boston-seaport",
        "timestamp": time,
        "lidar_points": {
            "lidar_path": f"{token}.bin",
            "num_pts_feats": 5,
            "sample_data_token": f"LIDAR_TOP-{token}",
            "timestamp": time,
            "lidar2ego": LIDAR2EGO,
            "ego2global": EGO2GLOBAL,
        },
        "pts_semantic_mask_path": f"{token}.bin",
        "images": {
            camera: {
                "img_path": f"{token}.png",
                "sample_data_token": f"{camera}-{token}",
                "cam2img": CAM2IMG,
                "lidar2cam": LIDAR2CAM[camera],
            }
            for camera in CAMERAS
        },
        "lidar_sweeps": [
            {
                "lidar_points": {"lidar_path": f"sweeps/{token}.bin"},
                "sweep2lidar": sweep2lidar.tolist(),
                "timestamp": time - lag,
            }
            for lag in (0.05, 0.1)
        ],
        "instances": [
            _make_instance(label, x, num_points)
            for label, x, num_points in ((0, 5.0, 9), (1, -5.0, 2), (0, 7.0, 0), (-1, 3.0, 5))
        ],
    }


def _make_instance(label: int, x: float, num_points: int) -> dict[str, Any]:
    return {
        "bbox_3d": [x, 2.0, 0.5, 4.0, 2.0, 1.0, 0.3],
        "bbox_label_3d": label,
        "bbox_3d_isvalid": num_points > 0,
        "num_lidar_pts": num_points,
        "velocity": [1.0, 0.0] if num_points else [float("nan")] * 2,
    }
