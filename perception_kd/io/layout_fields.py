"""The layout of points in an entry of an info file."""

from collections.abc import Mapping
from typing import Any

from perception_kd.io.errors import FieldError
from perception_kd.io.info_fields import read_count, read_field, read_number, show
from perception_kd.io.point_columns import POINT_DTYPES
from perception_kd.structures import PointLayout

_MAX_COLUMNS = 64
_LISTS, _NUMBERS = ("columns", "axes", "origin"), ("intensity_scale", "unit")


def read_layout(lidar: Mapping[str, Any], where: str = "") -> PointLayout:
    """Return the layout of the file of points in ``lidar_points``.

    ``num_pts_feats`` and ``dtype`` describe raw rows; ``num_pts_feats`` is needed for
    ``.bin`` files only. ``columns``, ``intensity_scale``, ``axes``, ``unit`` and
    ``origin`` are optional and mean what they mean in
    :class:`~perception_kd.structures.PointLayout`.

    Args:
        lidar: ``lidar_points`` of a sample.
        where: Fields above, such as "lidar_points.", for the error.

    Raises:
        FieldError: If a field is missing or wrong.
    """
    fields: dict[str, Any] = {"dtype": _read_dtype(lidar, where)}
    if "num_pts_feats" in lidar or str(lidar.get("lidar_path")).lower().endswith(".bin"):
        lowest = 3 if lidar.get("columns") else 4
        fields["num_columns"] = read_count(lidar, "num_pts_feats", lowest, _MAX_COLUMNS, where)
    for name in _LISTS:
        if lidar.get(name) is not None:
            fields[name] = tuple(read_field(lidar, name, list, where))
    for name in _NUMBERS:
        if name in lidar:
            fields[name] = read_number(lidar, name, where)
    try:
        return PointLayout(**fields)
    except (TypeError, ValueError, AttributeError) as error:
        raise FieldError(f"{where}{error}") from error


def layout_entry(layout: PointLayout) -> dict[str, Any]:
    """Return the fields of ``lidar_points`` that :func:`read_layout` reads back.

    Fields with the value of the default are left out, but for ``num_pts_feats``.
    """
    entry: dict[str, Any] = {"num_pts_feats": layout.num_columns}
    plain = PointLayout()
    for name in ("dtype", *_LISTS, *_NUMBERS):
        value = getattr(layout, name)
        if value != getattr(plain, name):
            entry[name] = list(value) if isinstance(value, tuple) else value
    return entry


def _read_dtype(lidar: Mapping[str, Any], where: str) -> str:
    """Return the type of the numbers in raw rows, float32 where it is missing."""
    value = lidar.get("dtype", "float32")
    if value not in POINT_DTYPES:
        known = ", ".join(POINT_DTYPES)
        raise FieldError(f"{where}dtype must be one of {known}, but is {show(value)}")
    return str(value)
