"""Check from their values that columns hold what their names say.

A file of raw numbers does not name its columns. In another order than the one that it
is read in, it still gives points, at wrong places or with wrong intensities. Only what
is certain counts as a fault: x and y that are swapped look like another scene.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from perception_kd.structures import Array, Points

_POSITION = ("x", "y", "z")
_ENOUGH, _MOST = 1000, 20_000  # points, of which about the latter number is looked at
_SOME = 4000  # of each sweep of a training, which must be quick
# Intensities and rings come in steps from 0 on; coordinates are all stored alike.
_STEP_M, _FINER = 0.003, 3.5
_SHARE = 1.01
_NEGATIVE_SHARE = 0.01
_MIN_DISTINCT, _MAX_RINGS = 8, 256
_BY_RING, _LEAST_M = 0.95, 1.0
_LINE_M, _LINE_SLOPE, _LINE_SHARE = 0.003, 0.002, 0.95
# A LiDAR that turns about z sees all around in few elevations.
_BIN, _MANY_SECTORS, _SHARPER, _LEVEL = np.deg2rad(0.1), 34, 3.0, np.deg2rad(30)


def find_role_fault(columns: Mapping[str, Array]) -> str:
    """Return why columns cannot be what they are called; empty if they may be.

    Args:
        columns: Values by name, shape (N,) each. Those called "x", "y", "z" in m and
            "intensity" are checked.

    Returns:
        The end of a sentence about the file.
    """
    if any(name not in columns for name in _POSITION):
        return ""
    names = [name for name in (*_POSITION, "intensity") if name in columns]
    stride = _choose_stride(len(columns["x"]), _MOST)
    rows = np.stack([columns[name][::stride] for name in names], axis=1).astype(np.float64)
    rows = rows[np.isfinite(rows).all(axis=1)]
    if len(rows) < _ENOUGH:
        return ""
    # All points of a scanner with one line have one elevation, and z may hardly vary.
    has_lines = not _is_single_line(rows[:, :3])
    fault = _find_coordinate_fault(rows[:, :3], _POSITION if has_lines else _POSITION[:2])
    if not fault and "intensity" in columns:
        fault = _find_intensity_fault(rows, has_lines=has_lines)
    return fault and f"{fault}: its columns are in another order"


def find_upright_fault(positions: Points) -> str:
    """Return whether x or y has the heights in place of z; empty if not.

    A LiDAR that turns about z sees all around it within few elevations. One that does
    not turn, or sees a part of its surroundings, is not judged.

    Args:
        positions: x, y, z in m in the LiDAR's own coordinates with z up, shape (N, 3).

    Returns:
        The end of a sentence about the file.
    """
    rows = np.asarray(positions[:: _choose_stride(len(positions), _MOST)], np.float64)
    rows = rows[np.isfinite(rows).all(axis=1)]
    sharpness = [_measure_sharpness(np.roll(rows, 2 - place, axis=1)) for place in range(3)]
    for place, name in enumerate("xy"):
        if sharpness[place] > _SHARPER * max(sharpness[2], 1.0):
            return f"has heights in {name}, not in z: its columns are in another order"
    return ""


def find_order_fault(points: Points, *, is_upright: bool) -> str:
    """Return which columns of a sweep are in another order, from a part of its points.

    This is quick enough for every sweep of a training. It finds heights in x or y, and
    rings or times in place of intensities; :func:`find_role_fault` finds more.

    Args:
        points: x, y, z in m and intensity first, shape (N, F).
        is_upright: Whether z must be up.

    Returns:
        The end of a sentence about the file; empty if nothing is wrong.
    """
    rows = points[:: _choose_stride(len(points), _SOME), :4].astype(np.float64)
    rows = rows[np.isfinite(rows).all(axis=1)]
    if len(rows) < _ENOUGH:
        return ""
    fault = ""
    if rows.shape[1] > len(_POSITION):
        if (share := (rows[:, 3] < 0).mean()) > _NEGATIVE_SHARE:
            return f"has {share:.0%} of its intensities below 0"
        fault = _find_intensity_fault(rows, has_lines=not _is_single_line(rows[:, :3]))
    if fault:
        return f"{fault}: its columns are in another order"
    return find_upright_fault(rows[:, :3]) if is_upright else ""


def _choose_stride(number: int, most: int) -> int:
    """Return a step that leaves at most about so many of a number of points.

    It is odd: sweeps store the rings in turn, mostly a power of two of them.
    """
    return max(number // most, 1) | 1


def _is_single_line(positions: Array) -> bool:
    """Return whether positions (N, 3) lie on a plane or cone around the sensor."""
    reach = np.hypot(positions[:, 0], positions[:, 1])
    slope = float(np.median(positions[:, 2] / np.maximum(reach, _LEAST_M)))
    off = np.abs(positions[:, 2] - slope * reach)
    return bool((off <= _LINE_M + _LINE_SLOPE * reach).mean() > _LINE_SHARE)


def _find_coordinate_fault(positions: Array, names: Sequence[str]) -> str:
    """Return which of some columns of positions (N, 3) has no coordinates."""
    steps = [_smallest_step(values) for values in positions.T]
    for place, name in enumerate(names):
        others = [steps[i] for i in range(3) if i != place]
        lowest, largest = positions[:, place].min(), positions[:, place].max()
        coarse = steps[place] >= _STEP_M and steps[place] > _FINER * max(others) > 0
        if coarse and lowest >= 0:
            return f"has {name} in steps of {steps[place]:.3g}, unlike the other coordinates"
        one_sided = lowest >= 0 or largest <= 0
        if one_sided and lowest < largest and max(-lowest, largest) <= _SHARE:
            return f"has all of {name} within {lowest:.3g} .. {largest:.3g}"
    return _find_coarse_pair(positions, steps) if len(names) == len(steps) else ""


def _find_coarse_pair(positions: Array, steps: Sequence[float]) -> str:
    """Return which two columns are in steps, as intensities and rings are.

    They are beside one coordinate if bytes at the start of a file are missing.
    """
    finest, *coarse = np.argsort(steps)
    least = max(_STEP_M, _FINER * steps[finest])
    if steps[finest] > 0 and all(steps[i] > least and positions[:, i].min() >= 0 for i in coarse):
        first, second = (_POSITION[i] for i in sorted(coarse))
        return f"has {first} and {second} in steps, unlike {_POSITION[finest]}"
    return ""


def _measure_sharpness(positions: Array) -> float:
    """Return the unevenness of elevations of positions (N, 3) about the third axis.

    Returns:
        1 for all elevations alike, 10 for those within 18 degrees; 0 if the points are
        not all around the axis, or not about level with the sensor.
    """
    reach = np.hypot(positions[:, 0], positions[:, 1])
    seen = positions[reach > _LEAST_M]
    if len(seen) < _ENOUGH:
        return 0.0
    sectors = np.floor(np.arctan2(seen[:, 1], seen[:, 0]) * 18 / np.pi)
    elevation = np.arctan2(seen[:, 2], np.hypot(seen[:, 0], seen[:, 1]))
    if len(np.unique(sectors)) < _MANY_SECTORS or abs(np.median(elevation)) > _LEVEL:
        return 0.0
    counts = np.bincount(((elevation + np.pi / 2) / _BIN).astype(int), minlength=1801)
    return float((counts**2).sum() * len(counts) / counts.sum() ** 2)


def _smallest_step(values: Array) -> float:
    """Return the smallest difference between values; 0 if there is one value."""
    changes = np.diff(np.unique(values))
    return float(changes.min()) if len(changes) else 0.0


def _find_intensity_fault(rows: Array, *, has_lines: bool) -> str:
    """Return what the fourth column of points (N, 4) holds; empty if intensities."""
    values = rows[:, 3]
    distinct = np.unique(values)
    if len(distinct) < _MIN_DISTINCT:
        return ""
    changes = np.diff(values)
    if (changes >= 0).all() or (changes <= 0).all():
        return "has intensities in order of size, as times or rings are"
    is_whole = len(distinct) <= _MAX_RINGS and (distinct == distinct.round()).all()
    if has_lines and is_whole and _share_by_value(rows) > _BY_RING:
        return f"has {len(distinct)} intensities with an elevation each, as rings have"
    return ""


def _share_by_value(rows: Array) -> float:
    """Return the share of the variance of elevations that column 4 explains."""
    reach = np.hypot(rows[:, 0], rows[:, 1])
    seen = reach > _LEAST_M  # missing returns are at the sensor
    if seen.sum() < _ENOUGH:
        return 0.0
    elevation = np.arctan2(rows[seen, 2], reach[seen])
    _, place, counts = np.unique(rows[seen, 3], return_inverse=True, return_counts=True)
    means = np.bincount(place, elevation) / counts
    variance = max(float(elevation.var()), 1e-9)
    return 1 - float(((elevation - means[place]) ** 2).mean()) / variance
