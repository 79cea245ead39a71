"""Readers: one entry adds a format of point clouds, and unknown files are named."""

from pathlib import Path

import numpy as np
import pytest

from perception_kd.io.errors import BrokenFileError
from perception_kd.io.point_files.readers import (
    POINT_FORMATS,
    PointFormat,
    count_stored_points,
    read_labels,
    read_points,
)
from perception_kd.structures import PointLayout, Points

POINTS = np.arange(15, dtype=np.float32).reshape(3, 5)
FIVE = PointLayout(num_columns=5)


def test_rows_of_float32_are_read_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "sweep.pcd.bin"
    POINTS.tofile(path)
    np.testing.assert_array_equal(read_points(path, FIVE), POINTS)
    assert count_stored_points(path, FIVE) == 3


@pytest.mark.parametrize("dtype", ["float64", "float16"])
def test_rows_of_other_numbers_become_float32(tmp_path: Path, dtype: str) -> None:
    path = tmp_path / "sweep.bin"
    POINTS.astype(dtype).tofile(path)
    points = read_points(path, PointLayout(5, dtype))
    assert points.dtype == np.float32
    np.testing.assert_array_equal(points, POINTS)
    assert count_stored_points(path, PointLayout(5, dtype)) == 3


@pytest.mark.parametrize(("order", "name"), [([4, 1, 2, 3, 0], "x"), ([0, 1, 4, 3, 2], "z")])
def test_a_ring_in_place_of_a_coordinate_is_found(
    order: list[int], name: str, fake_nuscenes: Path, tmp_path: Path
) -> None:
    sweep = next((fake_nuscenes / "samples" / "LIDAR_TOP").glob("*.bin"))
    path = tmp_path / "sweep.bin"
    np.fromfile(sweep, np.float32).reshape(-1, 5)[:, order].tofile(path)
    with pytest.raises(BrokenFileError, match=f"it has {name} in steps of 1, unlike the other"):
        read_points(path, FIVE)


def test_an_unknown_suffix_is_named_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"No reader for the point cloud .*a\.xyz; .* are \.bin"):
        read_points(tmp_path / "a.xyz", FIVE)


def test_another_format_is_one_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def decode(data: bytes, path: Path, layout: PointLayout) -> Points:
        return np.array(data.split(), np.float32).reshape(-1, layout.num_columns)

    def count_points(path: Path, layout: PointLayout) -> int:
        return len(path.read_text().splitlines())

    monkeypatch.setitem(POINT_FORMATS, ".txt", PointFormat(decode, count_points))
    path = tmp_path / "sweep.txt"
    np.savetxt(path, POINTS)
    np.testing.assert_array_equal(read_points(path, FIVE), POINTS)
    np.array([1, 2, 3], np.uint8).tofile(tmp_path / "labels")
    labels = read_labels(tmp_path / "labels", np.dtype("uint8"), path, FIVE)
    assert labels.tolist() == [1, 2, 3]
