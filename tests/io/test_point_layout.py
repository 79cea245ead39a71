"""Files of points in another layout are found out, and the layout is guessed."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from perception_kd.io.point_columns import INTENSITY_COLUMNS, RING_COLUMNS
from perception_kd.io.point_layout import find_layout_fault

Rows = NDArray[np.float32]


@pytest.fixture(scope="module")
def rows(fake_nuscenes: Path) -> Rows:
    """A sweep, x, y, z, intensity, ring; the number of points is a multiple of 60."""
    path = next((fake_nuscenes / "samples" / "LIDAR_TOP").glob("*.bin"))
    points = np.fromfile(path, np.float32).reshape(-1, 5)
    return points[: len(points) // 60 * 60]


def test_points_as_promised_have_no_fault(rows: Rows) -> None:
    assert find_layout_fault(rows.tobytes(), 5, "float32", RING_COLUMNS) == ""
    assert find_layout_fault(rows.astype(float).tobytes(), 5, "float64", RING_COLUMNS) == ""
    four = np.ascontiguousarray(rows[:, :4])
    assert find_layout_fault(four.tobytes(), 4, "float32", INTENSITY_COLUMNS) == ""
    assert find_layout_fault(rows[:1].tobytes(), 5) == ""


@pytest.mark.parametrize("start", [b"<", b"\x1f\x8b", b"BZh", b"ply"])
def test_a_number_may_begin_like_another_format(start: bytes, rows: Rows) -> None:
    data = start + rows.tobytes()[len(start) :]
    assert find_layout_fault(data, 5, "float32", RING_COLUMNS) == ""


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda x: x.astype(np.float64), r"farther away than 10 km; .* 5 float64"),
        (lambda x: x.astype(np.float16), r"; it looks like rows of 5 float16"),
        (lambda x: x[:, :4], r"; it looks like rows of 4 float32"),
        (lambda x: x[:, :3], r"; it looks like rows of 3 float32"),
        (lambda x: np.hstack([x, x[:, :1]]), r"; it looks like rows of 6 float32"),
        (lambda x: x.astype(">f4"), "has "),
        (lambda x: (100 * x).astype(np.int32), "at NaN or infinity|below a micrometer"),
        (lambda x: (100 * x).astype(np.int16), "has "),
        (lambda x: 1000 * x, "farther away than 10 km"),
        (
            lambda x: x * np.array([1e3, 1e3, 1e3, 1, 1], np.float32),
            "it looks like positions in mm",
        ),
        (
            lambda x: np.rint(x)[:, [0, 1, 2, 4, 3]],
            "elevation each, as rings have|are not integers",
        ),
        (lambda x: 0 * x, "at the sensor"),
        (lambda x: np.nan * x, "100% of its points at NaN"),
        (lambda x: x * np.array([1, 1, 1, -1, 1], np.float32), "of its intensities outside"),
        (lambda x: x + np.array([0, 0, 0, 0, 0.5], np.float32), "of its rings that are not"),
        (lambda x: x.reshape(-1)[:-2], "not whole rows of 5 float32"),
        (lambda x: x[:0], "is empty"),
    ],
)
def test_other_layouts_are_named(change: Callable[[Rows], Rows], reason: str, rows: Rows) -> None:
    data = np.ascontiguousarray(change(rows)).tobytes()
    fault = find_layout_fault(data, 5, "float32", RING_COLUMNS)
    assert re.search(reason, fault), fault


@pytest.mark.parametrize("columns", [3, 4, 6])
def test_wrong_options_are_found_without_names(columns: int, rows: Rows) -> None:
    fault = find_layout_fault(rows.tobytes(), columns)
    assert fault.endswith("; it looks like rows of 5 float32"), fault


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (b"\x1f\x8b\x08", "gzip archive; unpack it"),
        (b"# .PCD v0.7", "PCD file"),
        (b"ply\n", "PLY file"),
        (b"\x93NUMPY", "NumPy file"),
        (b"version https://git-lfs.github.com", "git lfs pull"),
        (b"<!DOCTYPE html>", "download the file again"),
    ],
)
def test_other_formats_are_named(start: bytes, kind: str) -> None:
    assert kind in find_layout_fault(start + bytes(100), 5)
