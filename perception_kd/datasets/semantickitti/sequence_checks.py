"""Checks of one sequence of SemanticKITTI: numbers against their units and files."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from perception_kd.datasets.calibration_checks import find_time_fault, median_speed
from perception_kd.datasets.pose_checks import find_pose_fault
from perception_kd.datasets.remarks import Remarks
from perception_kd.datasets.semantickitti.options import SequenceOptions
from perception_kd.datasets.semantickitti.sequence_files import SequenceCalibration
from perception_kd.datasets.sweep_checks import (
    find_odd_sizes,
    find_position_fault,
    find_sweep_fault,
)
from perception_kd.datasets.vehicle_limits import MAX_SPEED
from perception_kd.io.bounded import read_bounded
from perception_kd.io.column_roles import find_upright_fault
from perception_kd.io.errors import MISSING_REMEDY
from perception_kd.io.point_layout import find_layout_fault
from perception_kd.structures import Array, PointLayout

_MAX_DISTANCE_M, _UPRIGHT = 25.0, 0.5
_MANY = 100  # labels


def check_sequence(
    scans: Sequence[Path],
    poses: Sequence[Array] | None,
    times: Sequence[float],
    options: SequenceOptions,
    remarks: Remarks,
) -> None:
    """Check what is read once per sequence, and the layout of its first scan.

    Args:
        scans: Files of the scans, at least one.
        poses: Pose of the LiDAR by frame, (4, 4) each; None if they are unknown.
        times: Time of each frame in s.
        options: Layout of the points.
        remarks: Gets what looks wrong.

    Raises:
        ValueError: If something cannot be what it is read as, or a scan lacks its pose
            or time.
    """
    sequence, last = scans[0].parent.parent, max(int(scan.stem) for scan in scans)
    num_poses = len(times) if poses is None else len(poses)
    if last >= min(num_poses, len(times)):
        raise ValueError(
            f"{sequence} must have a pose and a time for each scan, but for scan {last} "
            f"there are {num_poses} poses and {len(times)} times."
        )
    if num_poses != len(times):
        raise ValueError(
            f"{sequence} must have as many poses as times, but has {num_poses} in poses.txt and "
            f"{len(times)} in times.txt: a line is missing or doubled; unpack both again."
        )
    if fault := find_time_fault(times, "seconds"):
        raise ValueError(f"The last time in {sequence / 'times.txt'} {fault}.")
    if poses is not None:
        _check_poses(sequence / "poses.txt", poses, times, remarks)
    data = read_bounded(scans[0], "LiDAR sweep", MISSING_REMEDY)
    fault = find_layout_fault(data, options.num_columns, options.dtype, options.column_names)
    if fault:
        raise ValueError(
            f"{scans[0]} {fault}. It was read as rows of {options.num_columns} {options.dtype}; "
            "give its layout with --num-pts-feats and --dtype, or write the file again."
        )
    rows = np.frombuffer(data, options.dtype).reshape(-1, options.num_columns)
    if fault := find_position_fault(rows[:, :3]) or find_upright_fault(rows[:, :3]):
        raise ValueError(f"{scans[0]} {fault}; write the scans again, in m, with z up.")


def _check_poses(
    path: Path, poses: Sequence[Array], times: Sequence[float], remarks: Remarks
) -> None:
    count = min(len(poses), len(times))
    matrices, times_s = np.array(poses[:count]), np.array(times[:count])
    speed = median_speed(matrices[:, :3, 3], times_s)
    if speed > MAX_SPEED:
        raise ValueError(
            f"By {path} the vehicle moves at {speed:.3g} m/s; positions must be in m and times in "
            "s."
        )
    quaternions = np.roll(Rotation.from_matrix(matrices[:, :3, :3]).as_quat(), 1, axis=1)
    fault = find_pose_fault(matrices[:, :3, 3], quaternions, times_s)
    if fault is None:
        return
    where = f"line {fault.place + 1} of {path}"
    if fault.is_error:
        raise ValueError(f"The pose in {where} {fault.text}.")
    remarks.add("sequences with a pose that looks wrong", f"{where}: it {fault.text}")


def find_usable_scans(
    scans: Sequence[Path], options: SequenceOptions, remarks: Remarks
) -> list[Path]:
    """Return the scans that can be read; all, if most cannot.

    Args:
        scans: Files of the scans of a sequence.
        options: Layout of the points.
        remarks: Gets the scans that are left out, and those of odd sizes.
    """
    layout = PointLayout(options.num_columns, options.dtype)
    faults = {scan: find_sweep_fault(scan, layout) for scan in scans}
    usable = [scan for scan in scans if not faults[scan]]
    if 2 * len(usable) < len(scans):
        return list(scans)
    what = "scans left out, which cannot be read"
    remarks.add_total(what, len(scans))
    for scan, fault in faults.items():
        if fault:
            remarks.add(what, f"{scan}: it {fault}")
    sizes = {str(scan): scan.stat().st_size for scan in usable}
    for path in find_odd_sizes(sizes):
        what = "scans whose size differs from the others in their sequence"
        remarks.add(what, f"{path} with {sizes[path]} bytes")
    return usable


def check_mount(calibration: SequenceCalibration, path: Path, remarks: Remarks) -> None:
    """Check that Tr leads from the LiDAR to a camera that stands upright nearby.

    Args:
        calibration: Calibration of a sequence.
        path: Its file, for messages.
        remarks: Gets what looks wrong.

    Raises:
        ValueError: If Tr is inverted or not in m.
    """
    distance = float(np.linalg.norm(calibration.lidar2cam[:3, 3]))
    if distance > _MAX_DISTANCE_M:
        raise ValueError(
            f"Tr of {path} puts the camera {distance:.3g} m away from the LiDAR; it must be in m."
        )
    if -calibration.lidar2cam[1, 2] > _UPRIGHT:
        return
    if -calibration.lidar2cam[2, 1] > _UPRIGHT:
        raise ValueError(
            f"Tr of {path} leads from the camera to the LiDAR by its axes; it must lead from the "
            "LiDAR (x forward, y left, z up) to the camera (x right, y down, z forward)."
        )
    remarks.add("calibrations in which the camera is not upright", f"Tr of {path}")


def check_labels(labels: Path, scan: Path, options: SequenceOptions, remarks: Remarks) -> None:
    """Check that a file of labels has one for each point.

    Args:
        labels: File of the labels.
        scan: File of the points.
        options: Layout of the points.
        remarks: Gets files whose labels are all the same.

    Raises:
        ValueError: If it does not.
    """
    row = options.num_columns * np.dtype(options.dtype).itemsize
    num_points = scan.stat().st_size // row
    if labels.stat().st_size != 4 * num_points:
        raise ValueError(
            f"{labels} has {labels.stat().st_size} bytes, but the {num_points} points of {scan} "
            "need 4 each; unpack both again."
        )
    if num_points > _MANY and not np.fromfile(labels, np.uint32, _MANY).any():
        values = np.fromfile(labels, np.uint32)
        if not values.any():
            what = "scans whose points all have label 0, as if nobody had labeled them"
            remarks.add(what, str(labels))
