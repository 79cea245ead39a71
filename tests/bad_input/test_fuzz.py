"""Files of recordings with random damage are read, or refused in one line."""

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from perception_kd.datasets.folder.calibration_values import Numbers
from perception_kd.datasets.folder.file_lists import SensorFile
from perception_kd.datasets.folder.file_times import read_file_times
from perception_kd.datasets.folder.poses import read_trajectory
from perception_kd.datasets.folder.rig import Poses, Times
from perception_kd.datasets.folder.rig_file import read_rig
from perception_kd.datasets.rosbag.bag import Bag
from perception_kd.datasets.rosbag.camera_info import read_camera_info
from perception_kd.datasets.rosbag.clouds import read_cloud
from perception_kd.datasets.rosbag.decoding import CAMERA_INFO, CLOUD, COMPRESSED_IMAGE, IMAGE
from perception_kd.datasets.rosbag.sensors import read_encoded_image
from perception_kd.datasets.semantickitti.sequence_files import (
    read_calibration,
    read_poses,
    read_times,
)
from perception_kd.engine.ending.explaining import explain_error
from tests.bad_input.fuzz import damage_bytes, damage_text
from tests.datasets.folder.drives import rig_content
from tests.datasets.rosbag.bags import BagMaker
from tests.datasets.rosbag.test_create import drive
from tests.fake_data.semantickitti import LIDAR2CAM0, P2

NUM_TRIES = 200
LARGEST = 1e308
SWEEPS = [SensorFile(f"{time}.bin", 100.0 + time) for time in range(6)]
NAMES = [file.path for file in SWEEPS]
COLUMNS = {"time": "t", **{x: x for x in ("x", "y", "z", "qw", "qx", "qy", "qz")}}


def is_sound(values: Any, largest: float = 1e10) -> bool:
    return bool((np.abs(np.array(values, float)) <= largest).all())


def show_row(values: Any, separator: str = " ") -> str:
    return separator.join(repr(float(x)) for x in np.ravel(values))


def check_rig(path: Path) -> bool:
    read_rig(path)
    return True


def check_numbers(key: str) -> Callable[[Path], bool]:
    def check(path: Path) -> bool:
        numbers = Numbers("rig.yaml: key", (9, 12), file=path.name, key=key)
        return is_sound(numbers.load(path.parent), LARGEST)

    return check


def check_times(path: Path) -> bool:
    times = Times("csv", file=path.name, time_column="t", name_column="name", unit="ms")
    return is_sound(read_file_times(times, path.parent, "", NAMES, "rig.yaml: lidar"))


def check_poses(form: str) -> Callable[[Path], bool]:
    def check(path: Path) -> bool:
        poses = Poses(form, file=path.name, columns=COLUMNS if form == "csv" else {})
        where = "rig.yaml: poses"
        found = read_trajectory(poses, path.parent, "", SWEEPS, np.eye(4), where)
        known = [pose for file in SWEEPS if (pose := found.ego2global(file.time)) is not None]
        return len(known) > 0 and is_sound(known)

    return check


def check_kitti(path: Path) -> bool:
    if path.name == "times.txt":
        return is_sound(read_times(path), LARGEST)
    if path.name == "poses.txt":
        return is_sound(read_poses(path, LIDAR2CAM0), LARGEST)
    found = read_calibration(path)
    return is_sound(found.cam2img, LARGEST)


ROWS = [(100.0 + i, 2.0 * i, 0, 0, 0, 0, 0, 1) for i in range(6)]
POSES = "\n".join(show_row(np.eye(4)[:3] + i * np.eye(4)[:3, 3:].repeat(4, 1)) for i in range(6))
MATRIX = "%YAML:1.0\n---\nK: !!opencv-matrix\n   rows: 3\n   cols: 3\n   dt: d\n   data: [ {} ]\n"
FILES: dict[str, tuple[str, Callable[[Path], bool]]] = {
    "rig.yaml": (yaml.safe_dump(rig_content(), sort_keys=False), check_rig),
    "calib.json": (json.dumps({"cam": {"K": P2[:, :3].tolist()}}), check_numbers("cam.K")),
    "opencv.yaml": (MATRIX.format(show_row(P2[:, :3], ", ")), check_numbers("K")),
    "kitti.txt": (f"P2: {show_row(P2)}\nTr: {show_row(LIDAR2CAM0[:3])}\n", check_numbers("P2")),
    "times.csv": (
        "t,name\n" + "".join(f"{1000 * file.time},{file.path}\n" for file in SWEEPS),
        check_times,
    ),
    "tum.txt": ("".join(show_row(row) + "\n" for row in ROWS), check_poses("tum")),
    "csv.csv": (
        "t,x,y,z,qx,qy,qz,qw\n" + "".join(show_row(row, ",") + "\n" for row in ROWS),
        check_poses("csv"),
    ),
    "kitti_poses.txt": (POSES, check_poses("kitti")),
    "calib.txt": (f"P2: {show_row(P2)}\nTr: {show_row(LIDAR2CAM0[:3])}\n", check_kitti),
    "poses.txt": (POSES, check_kitti),
    "times.txt": ("".join(f"{0.1 * i:e}\n" for i in range(6)), check_kitti),
}


@contextlib.contextmanager
def refused_or_read(what: object) -> Iterator[None]:
    """Let only errors pass that are shown as one line."""
    try:
        yield
    except Exception as error:
        message = explain_error(error)
        assert message, what
        assert "\n" not in message, what


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_text_is_read_or_refused(name: str, tmp_path: Path) -> None:
    text, check = FILES[name]
    path = tmp_path / name
    path.write_text(text)
    assert check(path)
    for seed in range(NUM_TRIES):
        rng = np.random.default_rng(seed)
        damaged = damage_text(text, rng).encode()
        if seed % 5 == 0:
            damaged = damage_bytes(damaged, rng)
        path.write_bytes(damaged)
        with refused_or_read((seed, damaged)):
            assert check(path), (seed, damaged)


def read_bag(path: Path) -> int:
    """Read all messages as a conversion does; return how many can be used."""
    count = 0
    with Bag([path]) as bag:
        for message in bag.read([topic for topic, _ in bag.counts]):
            with refused_or_read(message):
                message.header()
                if message.type == CLOUD:
                    cloud = read_cloud(message.decode())
                    assert all(np.isfinite(cloud.points[x]).all() for x in "xyz")
                elif message.type in (IMAGE, COMPRESSED_IMAGE):
                    read_encoded_image(message, "png")
                elif message.type == CAMERA_INFO:
                    found = read_camera_info(message.decode(), rectified=True)
                    assert is_sound(found.cam2img, LARGEST)
                count += 1
    return count


@pytest.mark.parametrize("kind", ["mcap", "ros1"])
def test_a_damaged_bag_is_read_or_refused(kind: str, tmp_path: Path) -> None:
    path = BagMaker(tmp_path, kind).write(drive(2))
    file = path if kind == "ros1" else next(path.glob("*.mcap"))
    data = file.read_bytes()
    assert read_bag(path) > 10
    for seed in range(40):
        file.write_bytes(damage_bytes(data, np.random.default_rng(seed)))
        with refused_or_read(seed):
            read_bag(path)
