"""The layout of points from entries of info files, and the errors that name a field."""

from typing import Any

import pytest

from perception_kd.io.errors import FieldError
from perception_kd.io.layout_fields import layout_entry, read_layout
from perception_kd.structures import PointLayout


def test_old_entries_mean_what_they_meant() -> None:
    assert read_layout({"num_pts_feats": 5}) == PointLayout(num_columns=5, dtype="float32")
    entry = {"num_pts_feats": 4, "dtype": "float64", "lidar_path": "a.bin"}
    assert read_layout(entry) == PointLayout(num_columns=4, dtype="float64")


def test_only_raw_rows_need_their_number_of_columns() -> None:
    assert read_layout({"lidar_path": "a.pcd"}) == PointLayout()
    with pytest.raises(FieldError, match=r"^lidar_points\.num_pts_feats is missing"):
        read_layout({"lidar_path": "a.bin"}, "lidar_points.")


@pytest.mark.parametrize(
    "layout",
    [
        PointLayout(num_columns=5),
        PointLayout(3, "float16", (0, 1, 2, None), 255.0, ("y", "-x", "z"), 0.01, (1.0, 2.0, 3.0)),
        PointLayout(columns=("X", "Y", "Z", "i", "ring"), intensity_scale=0.5),
    ],
)
def test_a_written_layout_is_read_back(layout: PointLayout) -> None:
    assert read_layout(layout_entry(layout)) == layout


def test_defaults_are_not_written() -> None:
    assert layout_entry(PointLayout(num_columns=5)) == {"num_pts_feats": 5}


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("dtype", "int8", "dtype must be one of float32"),
        ("num_pts_feats", 2, "num_pts_feats must be an integer in 4"),
        ("columns", "xyzi", "columns must be a list"),
        ("columns", ["x", "y", "z"], "columns must be different names or indices of x, y, z"),
        ("columns", ["x", "y", "x", "i"], "columns must be different"),
        ("columns", [0, 1, -2, 3], "columns must be different"),
        ("columns", ["x", None, "z", "i"], "columns must be different"),
        ("columns", [0, 1, 2, True], "columns must be different"),
        ("columns", [[0], 1, 2, 3], "columns must be different"),
        ("axes", ["x", "x", "z"], 'axes must be "x", "y" and "z" in any order'),
        ("axes", ["x", "--y", "z"], "axes must be"),
        ("axes", [1, 2, 3], "axes must be"),
        ("unit", 0, "unit must be positive"),
        ("unit", -1, "unit must be positive"),
        ("unit", "mm", "unit must be a finite number"),
        ("intensity_scale", 0.0, "intensity_scale must be positive"),
        ("origin", [0, 0], "origin must be three numbers"),
        ("origin", [0, 0, float("nan")], "origin must be three numbers"),
        ("origin", ["a", 0, 0], "origin must be three numbers"),
    ],
)
def test_a_wrong_field_is_named(field: str, value: Any, message: str) -> None:
    with pytest.raises(FieldError, match=rf"^lidar_points\.{message}"):
        read_layout({"num_pts_feats": 4, field: value}, "lidar_points.")
