"""Points of a rig's LiDAR: their layout, and whether one file per scene fits it."""

from pathlib import Path

import numpy as np

from perception_kd.datasets.folder.calibration import stored_axes
from perception_kd.datasets.folder.rig import Lidar
from perception_kd.datasets.folder.rig_sensors import LENGTHS_M, UNNAMED
from perception_kd.datasets.folder.sections import RigError
from perception_kd.io.bounded import read_bounded
from perception_kd.io.column_roles import find_role_fault
from perception_kd.io.errors import MISSING_REMEDY, BrokenFileError
from perception_kd.io.point_checks import is_plausible
from perception_kd.io.point_files.fields import INTENSITY_NAMES, NAME_FIELDS
from perception_kd.io.point_files.readers import is_raw, read_points
from perception_kd.io.point_layout import find_layout_fault
from perception_kd.structures import PointLayout, Points

_SHORTEST_REACH_M, _LONGEST_REACH_M = 1.5, 2000.0
# The ground is a level with at least this share, and this ratio to any level below.
_GROUND_M, _SLAB_M, _GROUND_SHARE, _GROUND_RATIO = (3.0, 40.0), 0.25, 0.15, 4.0
# Ratio of the spread along z to that along x or y: 0.05 .. 0.3 in sweeps of streets.
_HIGHEST = 1.5
_LOWEST_ROOF_M = 1.0  # the frame of points may lie on the ground
INTENSITY_MAX = 255.0  # of nuScenes, whose scale the configs expect


def make_layout(lidar: Lidar) -> PointLayout:
    """Return the layout of the files of a rig's LiDAR."""
    wanted = (*lidar.position, lidar.intensity or None)
    columns: tuple[str | int | None, ...] | None = wanted
    if lidar.columns:
        columns = tuple(None if x is None else lidar.columns.index(x) for x in wanted)
        columns = None if columns == (0, 1, 2, 3) else columns
    return PointLayout(
        num_columns=len(lidar.columns) or 4,
        dtype=lidar.dtype,
        columns=columns,
        intensity_scale=INTENSITY_MAX / (lidar.intensity_max or INTENSITY_MAX),
        axes=stored_axes(lidar.axes),
        unit=LENGTHS_M[lidar.unit],
    )


def check_points(path: Path, lidar: Lidar, layout: PointLayout, where: str) -> Points:
    """Read a sweep and check that its numbers can be what the rig file says.

    Args:
        path: File of the sweep.
        lidar: The LiDAR.
        layout: Layout of its files.
        where: Rig file and sensor, for errors.

    Returns:
        Plausible points, shape (N, F).

    Raises:
        RigError: If the file does not fit the rig file, or has no plausible points.
    """
    if is_raw(path):
        _check_raw(path, lidar, where)
    try:
        points = read_points(path, layout)
    except (BrokenFileError, ValueError) as error:
        if str(error).endswith(NAME_FIELDS):
            raise RigError(
                f"{where}: {str(error).removesuffix(NAME_FIELDS)}Name the fields of x, y and z in "
                f"{where.rpartition(' ')[2]}.position, and that of intensities in "
                f"{where.rpartition(' ')[2]}.intensity, or give intensity: none. Columns without "
                f"names are named in {where.rpartition(' ')[2]}.columns."
            ) from error
        remedy = "correct position, intensity, unit, or the pattern of files"
        raise RigError(f"{where}: {remedy}: {error}") from error
    points = points[is_plausible(points)]
    if path.suffix.lower() in UNNAMED:
        _check_roles(points, lidar, path, where)
    _check_unit(points, path, where)
    _check_up(points, lidar, path, where)
    _check_intensity(points, lidar, layout, path, where)
    return points


def _check_raw(path: Path, lidar: Lidar, where: str) -> None:
    names = [{x: "xyz"[i] for i, x in enumerate(lidar.position)}.get(x, x) for x in lidar.columns]
    roles = [*"xyz", "ring"] if lidar.unit == "m" else []
    known = [x if x in roles else f"column {i}" for i, x in enumerate(names)]
    data = read_bounded(path, "LiDAR sweep", MISSING_REMEDY)
    fault = find_layout_fault(data, len(names), lidar.dtype, known)
    if fault and (roles or "rows" in fault):
        raise RigError(
            f"{where}.columns: {path} {fault}. It was read as rows of {len(names)} {lidar.dtype}; "
            "correct columns and dtype."
        )


def _check_roles(points: Points, lidar: Lidar, path: Path, where: str) -> None:
    """Refuse columns that cannot be what the rig file calls them."""
    columns = dict(zip("xyz", points.T, strict=False))
    if lidar.intensity.lower() in INTENSITY_NAMES:
        columns["intensity"] = points[:, 3]
    if fault := find_role_fault(columns):
        raise RigError(
            f"{where}.columns: {path} {fault}. Correct columns ({', '.join(lidar.columns)}), or "
            "name another one as intensity."
        )


def _check_unit(points: Points, path: Path, where: str) -> None:
    reach = float(np.percentile(np.abs(points[:, :2]).max(axis=1), 95)) if len(points) else 0.0
    if not _SHORTEST_REACH_M < reach < _LONGEST_REACH_M:
        raise RigError(
            f"{where}.unit: 95 % of the points of {path} are within {reach:.3g} m; correct unit, "
            "which is that of x, y and z in the file."
        )


def _check_up(points: Points, lidar: Lidar, path: Path, where: str) -> None:
    """Refuse points whose third axis is not up: a street is wider than high."""
    low, high = np.percentile(points[:, :3], [5, 95], axis=0)
    spread = high - low
    if len(points) > 100 and spread[2] > _HIGHEST * min(spread[0], spread[1]):
        raise RigError(
            f"{where}.axes: points of {path} reach {spread[0]:.1f}, {spread[1]:.1f} and "
            f"{spread[2]:.1f} m along x, y and z with [{', '.join(lidar.axes)}], but z must be "
            "up; name where x, y and z point, such as axes: [right, down, forward]."
        )
    distance = np.hypot(points[:, 0], points[:, 1])
    heights = points[(distance > _GROUND_M[0]) & (distance < _GROUND_M[1]), 2]
    slabs, _ = np.histogram(heights, np.arange(-8, 8.01, _SLAB_M))
    first = round((8 + _LOWEST_ROOF_M) / _SLAB_M)
    below, above = slabs[:first].max(), slabs[first:].max()
    if above > _GROUND_SHARE * len(points) and above > _GROUND_RATIO * below:
        raise RigError(
            f"{where}.axes: with [{', '.join(lidar.axes)}], points of {path} are upside down: "
            f"{above} of {len(points)} are at one height above the LiDAR, as ground is below; "
            "correct where x, y and z point."
        )


def _check_intensity(
    points: Points, lidar: Lidar, layout: PointLayout, path: Path, where: str
) -> None:
    if not lidar.intensity or not len(points):
        return
    stored = points[:, 3] / layout.intensity_scale
    lowest, largest = float(stored.min()), float(stored.max())
    if not np.isfinite([lowest, largest]).all() or lowest < 0:
        raise RigError(
            f"{where}.intensity: {lidar.intensity!r} of {path} has values from {lowest:g} to "
            f"{largest:g}, which are not intensities; name another column, or none."
        )
    if lidar.intensity_max is None and not 1 < largest <= INTENSITY_MAX:
        raise RigError(
            f"{where}.intensity_max is missing: intensities of {path} reach {largest:g}, and only "
            "0 .. 255 needs none; give the largest that the sensor can have, such as 1 or 65535."
        )
    if lidar.intensity_max is not None and largest > 1.01 * lidar.intensity_max:
        raise RigError(
            f"{where}.intensity_max is {lidar.intensity_max:g}, but intensities of {path} reach "
            f"{largest:g}; correct it."
        )
    if lidar.intensity_max is not None and 0 < largest <= 1 < lidar.intensity_max:
        raise RigError(
            f"{where}.intensity_max is {lidar.intensity_max:g}, but intensities of {path} reach "
            f"{largest:g} only; set it to 1 if they are from 0 to 1."
        )
