"""Tables of nuScenes of any number of scenes, without sensor data."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import chain
from pathlib import Path

import cv2
import numpy as np

from perception_kd.datasets.nuscenes.json_records import Record
from perception_kd.structures import Array
from perception_kd.synthetic.sensors.calibration import LIDAR, SENSORS
from perception_kd.synthetic.writer.tables import (
    TABLE_NAMES,
    Tables,
    empty_tables,
    link,
    make_token,
    make_vocabulary,
    translation_rotation,
)

KEYFRAMES, SWEEPS, OBJECTS = 40, 9, 30
_KEYFRAME_US, _SWEEP_US = 500_000, 50_000
# From a camera's axes, right, down and forward, to forward, left and up.
_OPTICAL = np.array(
    [[0.0, 0.0, 1.0, 0.0], [-1.0, 0.0, 0.0, 0.0], [0.0, -1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]]
)
_MAP, _LOCATION = "maps/empty.png", "singapore-onenorth"


def write_scene_tables(root: Path, version: str, names: list[str]) -> None:
    """Write tables of scenes as large as nuScenes', and one file per sensor.

    A scene has 40 keyframes of a LiDAR and six cameras, nine sweeps of the LiDAR
    between two of them, and 30 objects in each. All records of a sensor name the same
    file, which holds next to nothing.

    Args:
        root: Folder to write to.
        version: Name of the folder of tables.
        names: Names of the scenes.
    """
    folder = root / version
    folder.mkdir(parents=True)
    shared = make_vocabulary()
    shared["map"].append(_make_map(names))
    with ExitStack() as files:
        open_tables = {
            table: files.enter_context((folder / f"{table}.json").open("w"))
            for table in TABLE_NAMES
            if table != "lidarseg"
        }
        # One scene at a time, so that memory does not grow with their number.
        is_first = dict.fromkeys(open_tables, True)
        for part in chain([shared], (_make_scene(name, shared) for name in names)):
            for table, file in open_tables.items():
                for record in part.get(table, []):
                    file.write(("[" if is_first[table] else ",") + json.dumps(record))
                    is_first[table] = False
        for table, file in open_tables.items():
            file.write("[]" if is_first[table] else "]")
    (root / "maps").mkdir()
    cv2.imwrite(str(root / _MAP), np.zeros((8, 8), np.uint8))
    for channel in SENSORS:
        path = root / _filename(channel)
        path.parent.mkdir(parents=True)
        if channel == LIDAR:
            np.ones((100, 5), np.float32).tofile(path)
        else:
            cv2.imwrite(str(path), np.zeros((900, 1600, 3), np.uint8))


def _make_map(names: list[str]) -> Record:
    return {
        "token": make_token("map"),
        "category": "semantic_prior",
        "filename": _MAP,
        "log_tokens": [make_token("log", name) for name in names],
    }


def _filename(channel: str) -> str:
    return f"samples/{channel}/file{'.pcd.bin' if channel == LIDAR else '.jpg'}"


def _make_scene(name: str, shared: Tables) -> Tables:
    tables, rng = empty_tables(), np.random.default_rng(list(name.encode()))
    tables["log"].append(
        {
            "token": make_token("log", name),
            "logfile": name,
            "vehicle": "car",
            "date_captured": "2018-08-01",
            "location": _LOCATION,
        }
    )
    samples = link(
        [
            {
                "token": make_token("sample", name, i),
                "timestamp": 1_533_000_000_000_000 + i * _KEYFRAME_US,
                "scene_token": make_token("scene", name),
            }
            for i in range(KEYFRAMES)
        ]
    )
    tables["sample"] += samples
    tables["scene"].append(
        {
            "token": make_token("scene", name),
            "log_token": make_token("log", name),
            "nbr_samples": KEYFRAMES,
            "first_sample_token": samples[0]["token"],
            "last_sample_token": samples[-1]["token"],
            "name": name,
            "description": "",
        }
    )
    for channel in SENSORS:
        _add_sensor(tables, name, channel, samples, rng)
    categories = [x["token"] for x in shared["category"] if x["name"].startswith("vehicle.car")]
    visibility = shared["visibility"][0]["token"]
    for number in range(OBJECTS):
        _add_object(tables, (name, number), categories[0], visibility, samples, rng)
    return tables


def _add_sensor(
    tables: Tables, name: str, channel: str, samples: list[Record], rng: np.random.Generator
) -> None:
    calibration = make_token("calibrated_sensor", name, channel)
    is_lidar, heading = channel == LIDAR, rng.uniform(-np.pi, np.pi)
    mount = _pose((1.0, 0.0, 1.8), heading)
    intrinsic = [] if is_lidar else [[1266.0, 0, 816.0], [0, 1266.0, 491.0], [0, 0, 1.0]]
    tables["calibrated_sensor"].append(
        {
            "token": calibration,
            "sensor_token": make_token("sensor", channel),
            "camera_intrinsic": intrinsic,
            **translation_rotation(mount if is_lidar else mount @ _OPTICAL),
        }
    )
    frames = []
    for time_us, sample, is_key in _frame_times(samples, SWEEPS if is_lidar else 0):
        token = make_token("sample_data", name, channel, time_us)
        moved_m = (time_us - samples[0]["timestamp"]) * 8e-6
        pose = translation_rotation(_pose((600 + moved_m, 900.0, 0.0), 0.3))
        tables["ego_pose"].append({"token": token, "timestamp": time_us, **pose})
        frames.append(
            {
                "token": token,
                "sample_token": sample["token"],
                "ego_pose_token": token,
                "calibrated_sensor_token": calibration,
                "timestamp": time_us,
                "fileformat": "pcd" if is_lidar else "jpg",
                "is_key_frame": is_key,
                "height": 0 if is_lidar else 900,
                "width": 0 if is_lidar else 1600,
                "filename": _filename(channel),
            }
        )
    tables["sample_data"] += link(frames)


def _frame_times(samples: list[Record], sweeps: int) -> Iterator[tuple[int, Record, bool]]:
    """Yield the times of frames with their keyframe: sweeps come before it."""
    for number, sample in enumerate(samples):
        for before in range(sweeps if number else 0, 0, -1):
            yield sample["timestamp"] - before * _SWEEP_US, sample, False
        yield sample["timestamp"], sample, True


def _add_object(
    tables: Tables,
    key: tuple[str, int],
    category: str,
    visibility: str,
    samples: list[Record],
    rng: np.random.Generator,
) -> None:
    x, y = rng.uniform(-40, 40, 2)
    box = translation_rotation(_pose((650 + x, 900 + y, 1.0), rng.uniform(-np.pi, np.pi)))
    annotations = link(
        [
            {
                "token": make_token("annotation", *key, sample["token"]),
                "sample_token": sample["token"],
                "instance_token": make_token("instance", *key),
                "visibility_token": visibility,
                "attribute_tokens": [],
                "size": [1.9, 4.6, 1.7],
                "num_lidar_pts": 12,
                "num_radar_pts": 0,
                **box,
            }
            for sample in samples
        ]
    )
    tables["sample_annotation"] += annotations
    tables["instance"].append(
        {
            "token": make_token("instance", *key),
            "category_token": category,
            "nbr_annotations": len(annotations),
            "first_annotation_token": annotations[0]["token"],
            "last_annotation_token": annotations[-1]["token"],
        }
    )


def _pose(position: tuple[float, float, float], heading: float) -> Array:
    c, s, pose = np.cos(heading), np.sin(heading), np.eye(4)
    pose[:2, :2] = [[c, -s], [s, c]]
    pose[:3, 3] = position
    return pose
