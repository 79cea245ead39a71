"""Poses from files and from points."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from perception_kd.datasets.folder.file_lists import SensorFile
from perception_kd.datasets.folder.frames import Recording
from perception_kd.datasets.folder.odometry import compute_poses, provide_poses, write_tum
from perception_kd.datasets.folder.poses import Trajectory, read_trajectory
from perception_kd.datasets.folder.rig import Frames, Lidar, Poses, Rig, Times
from perception_kd.datasets.folder.sections import RigError
from perception_kd.structures import Array, PointLayout, Points

SWEEPS = [SensorFile(f"{i}.bin", 100.0 + 0.5 * i) for i in range(5)]
COLUMNS = {name: name for name in ("x", "y", "z", "qw", "qx", "qy", "qz")} | {"time": "t"}


def make_poses() -> Array:
    poses = np.tile(np.eye(4), (5, 1, 1))
    angles = [[0, 0, 0.1 * i] for i in range(5)]
    poses[:, :3, :3] = Rotation.from_euler("xyz", angles).as_matrix()
    poses[:, 0, 3] = np.arange(5) * 2.0
    return poses


def write(folder: Path, form: str, poses: Array) -> Path:
    path = folder / form
    if form == "kitti":
        path.write_text("".join(" ".join(map(repr, x[:3].ravel().tolist())) + "\n" for x in poses))
    elif form == "tum":
        write_tum(path, SWEEPS, poses, "# head")
    else:
        rows = []
        for file, pose in zip(SWEEPS, poses, strict=True):
            x, y, z, w = Rotation.from_matrix(pose[:3, :3]).as_quat().tolist()
            rows.append(",".join(map(repr, [w, x, y, z, *pose[:3, 3].tolist(), file.time * 1e3])))
        path.write_text("\n".join(["qw,qx,qy,qz,x,y,z,t", *rows]))
    return path


def read(folder: Path, poses: Poses, body2ego: Array | None = None) -> Trajectory:
    body2ego = np.eye(4) if body2ego is None else body2ego
    return read_trajectory(poses, folder, "", SWEEPS, body2ego, "rig.yaml: poses")


def settings(form: str) -> Poses:
    if form == "csv":
        return Poses(form, file=form, unit="ms", columns=COLUMNS)
    return Poses(form, file=form)


@pytest.mark.parametrize("form", ["kitti", "tum", "csv"])
def test_all_formats_give_the_same_poses(tmp_path: Path, form: str) -> None:
    poses = make_poses()
    write(tmp_path, form, poses)
    trajectory = read(tmp_path, settings(form))
    for file, pose in zip(SWEEPS, poses, strict=True):
        found = trajectory.ego2global(file.time)
        assert found is not None
        assert np.allclose(found, pose, atol=1e-8)


def test_poses_between_rows_are_interpolated(tmp_path: Path) -> None:
    write(tmp_path, "tum", make_poses())
    found = read(tmp_path, settings("tum")).ego2global(100.25)
    assert found is not None
    assert found[0, 3] == pytest.approx(1.0)
    assert Rotation.from_matrix(found[:3, :3]).as_euler("xyz")[2] == pytest.approx(0.05)


def test_poses_outside_and_in_long_gaps_are_absent(tmp_path: Path) -> None:
    write(tmp_path, "tum", make_poses())
    trajectory = read(tmp_path, Poses("tum", file="tum", max_gap_s=0.4))
    assert trajectory.ego2global(99.9) is None
    assert trajectory.ego2global(102.1) is None
    assert trajectory.ego2global(100.25) is None
    assert trajectory.ego2global(100.5) is not None


def test_poses_of_a_body_become_those_of_the_ego_vehicle(tmp_path: Path) -> None:
    write(tmp_path, "tum", make_poses())
    body2ego = np.eye(4)
    body2ego[:3, 3] = 1, 2, 3
    found = read(tmp_path, settings("tum"), body2ego).ego2global(101.0)
    assert found is not None
    assert np.allclose(found @ body2ego, make_poses()[2])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda x: x.replace(" ", " a", 3), "row 1 of .* must be 8 numbers"),
        (lambda x: "\n".join(f"1{line}" for line in x.splitlines()[1:]), "no sweep is between"),
        (lambda x: "# nothing\n", "has no rows"),
        (lambda x: x.replace("1.000000000", "3.000000000"), "a quaternion of length 3, not 1"),
    ],
)
def test_faults_of_a_file_of_poses_name_it(tmp_path: Path, change: Any, words: str) -> None:
    path = write(tmp_path, "tum", make_poses())
    path.write_text(change(path.read_text()))
    with pytest.raises(RigError, match=words) as caught:
        read(tmp_path, settings("tum"))
    assert "rig.yaml: poses" in str(caught.value)
    assert str(path) in str(caught.value)


def test_kitti_needs_a_line_for_each_sweep(tmp_path: Path) -> None:
    write(tmp_path, "kitti", make_poses()[:4])
    with pytest.raises(RigError, match="has 4 lines, but there are 5 sweeps"):
        read(tmp_path, settings("kitti"))


def test_too_fast_a_vehicle_is_refused(tmp_path: Path) -> None:
    poses = make_poses()
    poses[:, 0, 3] *= 1000  # written in mm
    write(tmp_path, "tum", poses)
    with pytest.raises(RigError, match="the vehicle moves at 4e\\+03 m/s"):
        read(tmp_path, settings("tum"))


def test_poses_that_no_vehicle_has_are_refused(tmp_path: Path) -> None:
    jump, turn = make_poses(), make_poses()
    jump[4, 0, 3] += 500
    turn[2, :3, :3] = np.diag([-1, -1, 1]) @ turn[2, :3, :3]
    for poses, words in ((jump, r"the pose at 10\d.* m away"), (turn, r"is turned by 17\d deg")):
        write(tmp_path, "tum", poses)
        with pytest.raises(RigError, match=words):
            read(tmp_path, settings("tum"))


@pytest.mark.parametrize(
    ("form", "change", "words"),
    [
        ("csv", lambda x: x.splitlines()[0], "has names of columns, but no pose"),
        ("csv", lambda x: x.replace(",102000.0", ",9e13"), "pose 5 of .* months from others"),
        ("tum", lambda x: x.replace("100.0", "1e300", 1), "row 1 of .* must be 8 numbers"),
        ("kitti", lambda x: x.replace("1.0", "0.5", 1), "row 1 of .* has no rotation"),
    ],
)
def test_rows_that_are_no_poses_are_refused(
    form: str, change: Any, words: str, tmp_path: Path
) -> None:
    path = write(tmp_path, form, make_poses())
    changed = change(path.read_text())
    assert changed != path.read_text()
    path.write_text(changed)
    with pytest.raises(RigError, match=words):
        read(tmp_path, settings(form))


def test_computed_poses_are_kept_for_the_same_sweeps_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = "perception_kd.datasets.folder.odometry"
    monkeypatch.setattr(f"{module}._version", lambda: "1")
    monkeypatch.setattr(f"{module}.compute_poses", lambda part, read: [np.eye(4) for _ in part])
    for file in SWEEPS:
        np.ones((9, 4), np.float32).tofile(tmp_path / file.path)
    layout, path = PointLayout(num_columns=4), tmp_path / "poses" / "drive.txt"
    lidar = Lidar(files="*.bin", times=Times("names"))

    def times_of(sweeps: list[SensorFile], gap_s: float = 5.0) -> list[float]:
        rig = Rig(tmp_path / "rig.yaml", lidar, frames=Frames(scene_gap_s=gap_s))
        recording = Recording("", sweeps, {})
        provide_poses(rig, tmp_path, recording, layout, path, progress=False)
        return [float(line.split()[0]) for line in path.read_text().splitlines()[1:]]

    assert times_of(SWEEPS) == [file.time for file in SWEEPS]
    made = path.stat().st_ino
    times_of(SWEEPS)
    assert path.stat().st_ino == made
    later = [SensorFile(file.path, file.time + 3) for file in SWEEPS]
    assert times_of(later) == [file.time for file in later]
    made = path.stat().st_ino
    times_of(later, gap_s=0.1)
    assert path.stat().st_ino != made


def test_kiss_icp_finds_the_motion_of_a_sensor() -> None:
    pytest.importorskip("kiss_icp")
    rng = np.random.default_rng(0)
    walls = rng.uniform([-30, -30, 0], [30, 30, 4], (4000, 3))
    walls[:1000, 0], walls[1000:2000, 0] = -20, 25
    walls[2000:3000, 1], walls[3000:, 1] = -15, 18

    def scan(file: SensorFile) -> Points:
        points = np.zeros((len(walls), 4), np.float32)
        points[:, :3] = walls - [file.time - 100.0, 0, 0]  # 1 m/s along x
        return points

    *_, last = compute_poses(SWEEPS, scan)
    assert np.allclose(last[:3, 3], [2.0, 0, 0], atol=0.05)
