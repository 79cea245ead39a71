"""Point clouds as users have them, to the columns that a network was trained with."""

from typing import Any

import numpy as np
from torch import Tensor, nn

from perception_kd.io.point_checks import find_point_fault, is_plausible
from perception_kd.models.voxelizers import PointVoxelizer
from perception_kd.structures import Points

COLUMNS = ("x", "y", "z", "intensity", "time lag")
_INTENSITY, _LAG = 3, 4
_MAX_LAG_S = 10.0
# Greatest intensities that tell 0..1 from 0..255 and more.
_UNIT, _BYTES = 1.0, 10.0


def columns_read(voxelizer: nn.Module) -> frozenset[int]:
    """Return the columns of the points that a network reads.

    Example:
        >>> sorted(columns_read(PointVoxelizer(feature_columns=("rho", 2))))
        [0, 1, 2]
    """
    if isinstance(voxelizer, PointVoxelizer):
        features = {column for column in voxelizer.feature_columns if isinstance(column, int)}
        return frozenset({0, 1, 2} | features)
    return frozenset(range(len(COLUMNS)))


def parse_cloud(
    cloud: Any,
    read: frozenset[int],
    name: str = "cloud",
    trained_intensity: float | None = None,
) -> Points:
    """Return a point cloud with the five columns of a training.

    Columns that are not given are 0.

    Args:
        cloud: Array or tensor of floats, shape (N, 3 to 5): x, y, z in m in LiDAR
            coordinates; intensity; time lag in s.
        read: Columns that the network reads.
        name: Name of the argument, for errors.
        trained_intensity: Greatest intensity of the training, if it is known.

    Returns:
        Shape (N, 5), float32.

    Raises:
        ValueError: If the type, the shape, a column or the positions cannot be right.

    Example:
        >>> parse_cloud(np.ones((2, 4)), frozenset(range(5)))[:, 4]
        array([0., 0.], dtype=float32)
        >>> parse_cloud(np.ones((2, 3)), frozenset(range(5)))  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ValueError: cloud has 3 columns, but ... time lag: intensity is missing. ...
    """
    values = cloud.numpy(force=True) if isinstance(cloud, Tensor) else cloud
    _check_array(name, values, read)
    points = np.zeros((len(values), len(COLUMNS)), dtype=np.float32)
    points[:, : values.shape[1]] = values
    if len(points) == 0:
        return points
    fault = find_point_fault(points)
    if fault:
        raise ValueError(
            f"{name}: {fault}; give x, y, z in m in LiDAR coordinates, columns 0 to 2."
        )
    if _LAG in read:
        _check_lag(name, points[:, _LAG])
    plausible = points[is_plausible(points)]
    if len(plausible) == 0:
        raise ValueError(f"{name}: no point has a finite intensity, column {_INTENSITY}.")
    if _INTENSITY in read and trained_intensity is not None:
        _check_intensity(name, float(plausible[:, _INTENSITY].max()), trained_intensity)
    return points


def _check_array(name: str, values: Any, read: frozenset[int]) -> None:
    if not isinstance(values, np.ndarray):
        raise ValueError(
            f"{name} must be a NumPy array or a tensor, but is a {type(values).__name__}."
        )
    if values.dtype.kind != "f":
        hint = "; stack its fields as columns" if values.dtype.names else ""
        raise ValueError(f"{name} must have floats, but has {values.dtype}{hint}.")
    if values.ndim != 2:
        raise ValueError(f"{name} must have shape (N, columns), but got {values.shape}.")
    number = values.shape[1]
    wanted = ", ".join(COLUMNS[: max(read) + 1])
    if number > len(COLUMNS):
        hint = " Are points its columns? Give cloud.T." if len(values) <= len(COLUMNS) else ""
        raise ValueError(
            f"{name} has {number} columns, but the network was trained with {wanted}: give these, "
            f"and no others.{hint}"
        )
    least = 3 + (_INTENSITY in read)
    if number < least:
        missing = ", ".join(COLUMNS[number:least])
        raise ValueError(
            f"{name} has {number} columns, but the network was trained with {wanted}: {missing} is "
            "missing. Give it in the range of the training (nuScenes: 0..255)."
        )


def _check_lag(name: str, lags: Points) -> None:
    """Refuse a fifth column that is not a time: nuScenes' files have the ring there."""
    if float(np.abs(lags).max()) > _MAX_LAG_S:
        raise ValueError(
            f"{name}: column {_LAG} is the time lag in s of points of earlier sweeps, but has "
            f"{lags.min():g} to {lags.max():g}, as a ring index or a stamp has; give "
            f"{name}[:, :4] for a single sweep."
        )


def _check_intensity(name: str, greatest: float, trained: float) -> None:
    """Refuse intensities of 0..1 where the training had 0..255, and vice versa."""
    if 0 < greatest <= _UNIT and trained > _BYTES:
        remedy = f"multiply it by {255 if trained <= 255 else trained:g}"
    elif greatest > _BYTES and 0 < trained <= _UNIT:
        remedy = f"divide it by {255 if greatest <= 255 else greatest:g}"
    else:
        return
    raise ValueError(
        f"{name}: intensity, column {_INTENSITY}, goes up to {greatest:g}, but the network was "
        f"trained with up to {trained:g}; {remedy}."
    )
