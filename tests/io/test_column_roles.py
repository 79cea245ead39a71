"""Columns in another order are found where their values can tell."""

import os
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

from perception_kd.io.column_roles import find_role_fault, find_upright_fault
from perception_kd.structures import Array

NAMES = ("x", "y", "z", "intensity")


def make_sweep(seed: int = 0, step_m: float = 0.0) -> dict[str, Array]:
    """Return a street: ground 1.8 m below, walls at 9 m, 32 rings, 360 degrees."""
    rng = np.random.default_rng(seed)
    ring = np.tile(np.arange(32), 300)
    elevation, azimuth = np.deg2rad(-30 + 1.3 * ring), rng.uniform(-np.pi, np.pi, len(ring))
    to_wall = 9 / np.maximum(np.abs(np.sin(azimuth)), 0.1)
    to_ground = np.where(elevation < 0, 1.8 / np.tan(np.maximum(-elevation, 1e-3)), np.inf)
    reach = np.minimum(to_wall, to_ground)
    columns = {
        "x": reach * np.cos(azimuth),
        "y": reach * np.sin(azimuth),
        "z": reach * np.tan(elevation),
        "intensity": rng.integers(0, 256, len(ring)).astype(float),
        "ring": ring.astype(float),
        "time": np.linspace(-0.1, 0, len(ring)),
        "share": rng.random(len(ring)),
    }
    if step_m:
        columns |= {name: (columns[name] / step_m).round() * step_m for name in "xyz"}
    return {name: values.astype(np.float32) for name, values in columns.items()}


def read_as(columns: dict[str, Array], order: tuple[str, ...]) -> str:
    return find_role_fault(dict(zip(NAMES, [columns[name] for name in order], strict=True)))


@pytest.mark.parametrize("step_m", [0.0, 0.001, 0.01])
def test_the_true_order_has_no_fault(step_m: float) -> None:
    columns = make_sweep(step_m=step_m)
    assert read_as(columns, NAMES) == ""
    assert read_as(columns, ("x", "y", "z", "share")) == ""


@pytest.mark.parametrize("tilt_deg", [-2.0, 0.0, 2.0])
def test_a_scanner_with_one_line_has_no_fault(tilt_deg: float) -> None:
    rng = np.random.default_rng(0)
    azimuth = np.radians(np.arange(-135, 135, 0.25))
    wall = np.minimum(8 / np.abs(np.cos(azimuth)), 6 / np.abs(np.sin(azimuth) + 1e-9))
    reach = wall * rng.uniform(0.6, 1, len(azimuth))
    columns = {
        "x": reach * np.cos(azimuth),
        "y": reach * np.sin(azimuth),
        "z": reach * np.tan(np.radians(tilt_deg)),
        "intensity": rng.integers(0, 256, len(azimuth)).astype(float),
        "time": np.linspace(-0.1, 0, len(azimuth)),
    }
    columns = {name: values.astype(np.float32) for name, values in columns.items()}
    assert read_as(columns, NAMES) == ""
    assert "z" in read_as(columns, ("x", "y", "time", "intensity"))
    assert "x" in read_as(columns, ("intensity", "x", "y", "z"))


@pytest.mark.parametrize("scale", [1.0, 1 / 255, 0.01])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_an_intensity_is_no_coordinate(place: int, scale: float) -> None:
    columns = make_sweep(step_m=0.001 if scale == 1.0 else 0.0)
    columns["intensity"] = columns["intensity"] * np.float32(scale)
    order = [*NAMES]
    order[place], order[3] = order[3], order[place]
    assert read_as(columns, tuple(order)).endswith("its columns are in another order")


@pytest.mark.parametrize("name", ["share", "time"])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_shares_and_times_are_no_coordinates(place: int, name: str) -> None:
    order = ["x", "y", "z", "intensity"]
    order[place] = name
    assert f"has all of {NAMES[place]} within" in read_as(make_sweep(), tuple(order))


def test_a_ring_is_no_coordinate_and_no_intensity() -> None:
    columns = make_sweep()
    assert "has z in steps of 1" in read_as(columns, ("x", "y", "ring", "intensity"))
    assert "32 intensities with an elevation each" in read_as(columns, ("x", "y", "z", "ring"))


@pytest.mark.parametrize(
    ("order", "name"), [("zyx", "x"), ("xzy", "y"), ("zxy", "x"), ("yzx", "y")]
)
def test_heights_stand_in_z(order: str, name: str) -> None:
    columns = make_sweep()
    fault = find_upright_fault(np.stack([columns[each] for each in order], axis=1))
    assert fault == f"has heights in {name}, not in z: its columns are in another order"


def test_upright_points_have_no_fault() -> None:
    columns = make_sweep()
    for order in ("xyz", "yxz"):
        assert find_upright_fault(np.stack([columns[each] for each in order], axis=1)) == ""


def test_a_time_is_no_intensity() -> None:
    assert "in order of size" in read_as(make_sweep(), ("x", "y", "z", "time"))


def test_what_values_cannot_tell_is_accepted() -> None:
    columns = make_sweep()
    assert read_as(columns, ("y", "x", "z", "intensity")) == ""
    few = {name: values[:999] for name, values in columns.items()}
    assert read_as(few, ("x", "y", "ring", "intensity")) == ""
    one: Array = np.full(len(columns["x"]), 3.0)
    assert find_role_fault({**{n: columns[n] for n in "xyz"}, "intensity": one}) == ""
    assert find_role_fault({"x": columns["x"], "y": columns["y"]}) == ""


@pytest.mark.skipif("PERCEPTION_KD_REAL_DATA" not in os.environ, reason="no real data")
@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("nuscenes/samples/LIDAR_TOP/*.bin", (*NAMES, "ring")),
        ("semantickitti*/dataset/sequences/0[0-3]/velodyne/*.bin", NAMES),
        ("kitti_raw_fov/dataset/sequences/0[0-3]/velodyne/*.bin", NAMES),
    ],
)
def test_real_sweeps_have_no_fault_and_swapped_ones_have(
    pattern: str, names: tuple[str, ...]
) -> None:
    paths = sorted(Path(os.environ["PERCEPTION_KD_REAL_DATA"]).glob(pattern))[:40]
    for path in paths:
        rows = np.fromfile(path, np.float32).reshape(-1, len(names))
        columns = dict(zip(names, rows.T, strict=True))
        assert read_as(columns, NAMES) == "", path
        is_around = "_fov" not in str(path)  # where images see nothing, points are cut off
        for order in permutations(NAMES):
            if order[3] != "intensity":
                assert read_as(columns, order) != "", (path, order)
            else:
                found = find_upright_fault(np.stack([columns[n] for n in order[:3]], axis=1))
                assert bool(found) == (is_around and order[2] != "z"), (path, order)
        if "ring" in columns:
            assert "elevation each" in read_as(columns, ("x", "y", "z", "ring"))
