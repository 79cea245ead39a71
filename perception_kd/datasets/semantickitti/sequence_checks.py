"""Checks of one sequence of SemanticKITTI: numbers against their units and files."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from perception_kd.datasets.calibration_checks import MAX_SPEED, find_time_fault, median_speed
from perception_kd.datasets.semantickitti.options import SequenceOptions
from perception_kd.io.point_layout import find_layout_fault
from perception_kd.structures import Array


def check_sequence(
    scans: Sequence[Path], poses: Sequence[Array], times: Sequence[float], options: SequenceOptions
) -> None:
    """Check what is read once per sequence, and the layout of its first scan.

    Args:
        scans: Files of the scans, at least one.
        poses: Pose of the LiDAR by frame, (4, 4) each.
        times: Time of each frame in s.
        options: Layout of the points.

    Raises:
        ValueError: If something cannot be what it is read as, or a scan lacks its pose
            or time.
    """
    sequence, last = scans[0].parent.parent, int(scans[-1].stem)
    if last >= min(len(poses), len(times)):
        raise ValueError(
            f"{sequence} must have a pose and a time for each scan, but for {scans[-1].name} "
            f"there are {len(poses)} poses and {len(times)} times."
        )
    if fault := find_time_fault(times, "seconds"):
        raise ValueError(f"The last time in {sequence / 'times.txt'} {fault}.")
    count = min(len(poses), len(times))
    positions = np.array([pose[:3, 3] for pose in poses[:count]])
    speed = median_speed(positions, np.array(times[:count]))
    if speed > MAX_SPEED:
        raise ValueError(
            f"By {sequence / 'poses.txt'} the vehicle moves at {speed:.3g} m/s; positions must be "
            "in m and times in s."
        )
    fault = find_layout_fault(
        scans[0].read_bytes(), options.num_columns, options.dtype, options.column_names
    )
    if fault:
        raise ValueError(
            f"{scans[0]} {fault}. It was read as rows of {options.num_columns} {options.dtype}; "
            "give its layout with --num-pts-feats and --dtype, or write the file again."
        )


def check_labels(labels: Path, scan: Path, options: SequenceOptions) -> None:
    """Check that a file of labels has one for each point.

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
