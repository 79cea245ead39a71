"""Poses of the vehicle, from a file, at any time between its rows."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from perception_kd.datasets.calibration_checks import median_speed
from perception_kd.datasets.folder.calibration_values import flatten_numbers
from perception_kd.datasets.folder.file_lists import SensorFile
from perception_kd.datasets.folder.file_times import SECONDS, find_column, read_text_table
from perception_kd.datasets.folder.rig import SCENE, Poses
from perception_kd.datasets.folder.sections import RigError
from perception_kd.datasets.pose_checks import find_pose_fault
from perception_kd.datasets.vehicle_limits import MAX_SPEED
from perception_kd.geometry.interpolation import interpolate_rigid
from perception_kd.geometry.rigid import rotation_errors
from perception_kd.structures import Array

_UNIT_TOLERANCE = 0.05
_LONGEST_S = 30 * 86_400.0  # of a recording
_LARGEST = 1e20  # of any unit


class Trajectory:
    """Poses of a body in the order of time.

    Args:
        times: In s, shape (N,), N > 0, each later than the one before.
        body2world: Poses in the coordinates of the world, shape (N, 4, 4).
        max_gap_s: Longest time between two poses that is bridged.
        body2ego: From the body to the ego vehicle, (4, 4).
    """

    def __init__(self, times: Array, body2world: Array, max_gap_s: float, body2ego: Array) -> None:
        self.times, self._body2world, self._max_gap_s = times, body2world, max_gap_s
        self._ego2body = np.linalg.inv(body2ego)

    @property
    def positions(self) -> Array:
        """Positions of the body in the coordinates of the world in m, shape (N, 3)."""
        return self._body2world[:, :3, 3]

    @property
    def ego_poses(self) -> Array:
        """Poses of the ego vehicle in the coordinates of the world, shape (N, 4, 4)."""
        poses: Array = self._body2world @ self._ego2body
        return poses

    def ego2global(self, time: float) -> Array | None:
        """Return the pose of the ego vehicle at a time, (4, 4).

        None outside the times of the poses, and in a gap that is too long.
        """
        after = int(np.searchsorted(self.times, time))
        if after < len(self.times) and self.times[after] == time:
            body2world = self._body2world[after]
        elif 0 < after < len(self.times):
            gap_s = self.times[after] - self.times[after - 1]
            if gap_s > self._max_gap_s:
                return None
            share = (time - self.times[after - 1]) / gap_s
            before2world, after2world = self._body2world[after - 1 : after + 1]
            body2world = interpolate_rigid(before2world, after2world, share)
        else:
            return None
        ego2global: Array = body2world @ self._ego2body
        return ego2global


def read_trajectory(
    poses: Poses,
    root: Path,
    scene: str,
    sweeps: Sequence[SensorFile],
    body2ego: Array,
    where: str,
    *,
    mirror: Array | None = None,
) -> Trajectory:
    """Read the poses of a scene.

    Args:
        poses: Where they come from.
        root: Folder of the recording.
        scene: Name of the scene's folder, for ``{scene}`` in the path.
        sweeps: Files of the LiDAR, whose times KITTI's poses have.
        body2ego: From what moves to the ego vehicle, (4, 4).
        where: Rig file and key, for errors.
        mirror: From a left-handed world and body to right-handed ones, (4, 4).

    Raises:
        FileNotFoundError: If there is no such file.
        RigError: If it cannot be read, or no sweep has a pose.
    """
    path = root / poses.file.replace(SCENE, scene)
    rows = read_text_table(path, f"{where}.file")
    times, matrices = _READERS[poses.format](poses, rows, path, sweeps, where)
    apart = np.flatnonzero(~(np.abs(times - np.median(times)) < _LONGEST_S))
    if len(apart):
        raise RigError(
            f"{where}.file: pose {apart[0] + 1} of {path} is of {times[apart[0]]:.6g} s, months "
            f"from others, such as {np.median(times):.6f} s; correct its time or poses.unit."
        )
    if mirror is not None:
        matrices = mirror @ matrices @ mirror
    order = np.argsort(times, kind="stable")
    order = order[np.flatnonzero(np.diff(times[order], prepend=-np.inf) > 0)]
    body2world = matrices[order]
    # Files round their numbers: the nearest rotations are meant.
    body2world[:, :3, :3] = Rotation.from_matrix(body2world[:, :3, :3]).as_matrix()
    trajectory = Trajectory(times[order], body2world, poses.max_gap_s, body2ego)
    _check_trajectory(trajectory, path, sweeps, where)
    return trajectory


def _read_kitti(
    poses: Poses, rows: list[list[str]], path: Path, sweeps: Sequence[SensorFile], where: str
) -> tuple[Array, Array]:
    if len(rows) != len(sweeps):
        raise RigError(
            f"{where}.file: {path} has {len(rows)} lines, but there are {len(sweeps)} sweeps; "
            "KITTI's format has a line for each of them. Use tum or csv, which have times."
        )
    numbers = _numbers(rows, 12, path, where).reshape(-1, 3, 4)
    last = np.tile([[[0.0, 0, 0, 1]]], (len(rows), 1, 1))
    _check_rotations(numbers[:, :, :3], path, where)
    return np.array([file.time for file in sweeps]), np.concatenate([numbers, last], axis=1)


def _read_tum(
    poses: Poses, rows: list[list[str]], path: Path, sweeps: Sequence[SensorFile], where: str
) -> tuple[Array, Array]:
    numbers = _numbers(rows, 8, path, where)
    return numbers[:, 0] * SECONDS[poses.unit], _matrices(numbers[:, 1:], path, where)


def _read_csv(
    poses: Poses, rows: list[list[str]], path: Path, sweeps: Sequence[SensorFile], where: str
) -> tuple[Array, Array]:
    names = ("time", "x", "y", "z", "qx", "qy", "qz", "qw")
    columns = [poses.columns[name] for name in names]
    places = [
        find_column(rows, column, path, f"{where}.columns.{name}")
        for name, column in zip(names, columns, strict=True)
    ]
    body = rows if all(column.isdecimal() for column in columns) else rows[1:]
    chosen = [[row[i] if i < len(row) else "" for i in places] for row in body]
    numbers = _numbers(chosen, 8, path, where)
    return numbers[:, 0] * SECONDS[poses.unit], _matrices(numbers[:, 1:], path, where)


_Reader = Callable[[Poses, list[list[str]], Path, Sequence[SensorFile], str], tuple[Array, Array]]
_READERS: dict[str, _Reader] = {"kitti": _read_kitti, "tum": _read_tum, "csv": _read_csv}


def _numbers(rows: Sequence[Sequence[str]], count: int, path: Path, where: str) -> Array:
    """Return rows of numbers as an array, (N, count)."""
    if not rows:
        raise RigError(f"{where}.file: {path} has names of columns, but no pose; complete it.")
    numbers = []
    for number, row in enumerate(rows):
        values = flatten_numbers(list(row))
        if values is None or len(values) != count or max(map(abs, values)) > _LARGEST:
            raise RigError(
                f"{where}.file: row {number + 1} of {path} must be {count} numbers, but is "
                f"{' '.join(row)[:60]!r}; correct it, or poses.format."
            )
        numbers.append(values)
    return np.array(numbers, float).reshape(-1, count)


def _matrices(numbers: Array, path: Path, where: str) -> Array:
    """Return poses (N, 4, 4) from positions and quaternions x, y, z, w, (N, 7)."""
    norms = np.linalg.norm(numbers[:, 3:], axis=1)
    wrong = np.flatnonzero(np.abs(norms - 1) > _UNIT_TOLERANCE)
    if len(wrong):
        raise RigError(
            f"{where}.file: row {wrong[0] + 1} of {path} has a quaternion of length "
            f"{norms[wrong[0]]:.3g}, not 1; correct poses.columns or poses.format."
        )
    matrices = np.tile(np.eye(4), (len(numbers), 1, 1))
    matrices[:, :3, :3] = Rotation.from_quat(numbers[:, 3:]).as_matrix()
    matrices[:, :3, 3] = numbers[:, :3]
    return matrices


def _check_rotations(matrices: Array, path: Path, where: str) -> None:
    """Check that matrices (N, 3, 3) are rotations."""
    wrong = np.flatnonzero(rotation_errors(matrices) > _UNIT_TOLERANCE)
    if len(wrong):
        raise RigError(
            f"{where}.file: row {wrong[0] + 1} of {path} has no rotation in its first three "
            "columns; correct it, or poses.format."
        )


def _check_trajectory(
    trajectory: Trajectory, path: Path, sweeps: Sequence[SensorFile], where: str
) -> None:
    """Check that poses are at the times of the sweeps, and not too fast."""
    if not any(trajectory.ego2global(file.time) is not None for file in sweeps):
        first, last = trajectory.times[[0, -1]]
        raise RigError(
            f"{where}: no sweep is between poses of {path}, whose times are {first:.6f} to "
            f"{last:.6f} s, while sweeps are at {sweeps[0].time:.6f} to {sweeps[-1].time:.6f} s; "
            "correct poses.unit or times, or raise poses.max_gap_s."
        )
    speed = median_speed(trajectory.positions, trajectory.times)
    if speed > MAX_SPEED:
        raise RigError(
            f"{where}: by {path} the vehicle moves at {speed:.3g} m/s; positions must be in m, and "
            "times in poses.unit."
        )
    poses = trajectory.ego_poses
    quaternions = Rotation.from_matrix(poses[:, :3, :3]).as_quat()[:, [3, 0, 1, 2]]
    fault = find_pose_fault(poses[:, :3, 3], quaternions, trajectory.times)
    if fault is not None and fault.is_error:
        time = trajectory.times[fault.place]
        raise RigError(f"{where}: the pose at {time:.6f} s in {path} {fault.text}.")
