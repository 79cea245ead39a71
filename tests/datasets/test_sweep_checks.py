"""Files of sweeps: sizes, units and garbage are found from a few rows."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perception_kd.datasets.sweep_checks import (
    find_odd_sizes,
    find_sweep_fault,
    find_turned_mount,
)
from perception_kd.structures import PointLayout

LAYOUT = PointLayout(5)


@pytest.fixture
def points() -> Any:
    rng = np.random.default_rng(0)
    flat = rng.uniform(-40, 40, (5000, 2))
    return np.c_[flat, np.full(5000, -1.8), rng.uniform(0, 255, 5000), np.zeros(5000)]


def write(path: Path, rows: Any) -> Path:
    rows.astype(np.float32).tofile(path)
    return path


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda x: x, ""),
        (lambda x: x[:7], ""),
        (lambda x: x * (1, 1, 1, 0, 0), ""),
        (lambda x: np.where(np.arange(len(x))[:, None] < 1500, np.nan, x), ""),
        (lambda x: x * 100, "look like cm or mm"),
        (lambda x: x / 1000, "look like km"),
        (lambda x: x * 1000, "farther away than 10 km"),
        (lambda x: x * 0, "at the sensor"),
        (lambda x: x * np.nan, "at NaN"),
        (lambda x: x[:0], "is empty"),
    ],
)
def test_units_and_values_are_checked(
    points: Any, tmp_path: Path, change: Callable[[Any], Any], fault: str
) -> None:
    found = find_sweep_fault(write(tmp_path / "a.bin", change(points)), LAYOUT)
    assert fault in found
    assert bool(found) is bool(fault)


def test_columns_of_another_layout_are_found(points: Any, tmp_path: Path) -> None:
    path = write(tmp_path / "a.bin", points)
    assert find_sweep_fault(path, LAYOUT, ring=4) == ""
    write(path, points[:, :4])
    assert "rings that are not integers" in find_sweep_fault(path, LAYOUT, ring=4)
    points.astype(np.float64).tofile(path)
    assert find_sweep_fault(path, LAYOUT)


def test_files_that_are_cut_off_are_found(points: Any, tmp_path: Path) -> None:
    path = write(tmp_path / "a.bin", points)
    path.write_bytes(path.read_bytes()[:-3])
    assert "not whole rows" in find_sweep_fault(path, LAYOUT)
    path.write_bytes(np.random.default_rng(0).bytes(100_000))
    assert find_sweep_fault(path, LAYOUT)


def test_odd_sizes_are_found() -> None:
    sizes = {f"{number}": 700_000 + 9000 * number for number in range(9)}
    assert find_odd_sizes(sizes) == []
    assert find_odd_sizes({**sizes, "x": 9000, "y": 9_000_000}) == ["x", "y"]
    assert find_odd_sizes({"x": 9000, "y": 700_000}) == []


def test_a_mount_below_the_ground_is_found(points: Any) -> None:
    mount = np.eye(4)
    mount[:3, 3] = 0.9, 0.0, 1.8
    assert find_turned_mount(points[:, :3], mount) == ""
    assert "the other way round at 0.0 m" in find_turned_mount(points[:, :3], np.linalg.inv(mount))
    assert find_turned_mount(points[:, :3], np.eye(4)) == ""
