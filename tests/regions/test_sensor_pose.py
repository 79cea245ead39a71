"""Height and tilt of sensors of known mounting, on which regions do not depend."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from perception_kd.regions.codec import NoRegion
from perception_kd.regions.segmentation import make_regions
from perception_kd.regions.sensor_pose import (
    SensorPose,
    fit_sensor_ground,
    fit_settings,
    measure_sensor_pose,
)
from perception_kd.regions.settings import RegionSettings
from tests.regions.scene import GROUND_Z, make_parts

NUSCENES = RegionSettings()
MOUNTINGS = {"robot": 0.5, "car": 1.8, "truck": 3.2}


def scan(height: float, num_rings: int, tilt: tuple[float, float] = (0.0, 0.0)) -> NDArray[Any]:
    """Return a sweep of flat ground and walls at 18 m, with noise and reflections.

    Args:
        height: Height of the sensor in m.
        num_rings: Number of rings from -25 to 15 degrees.
        tilt: Roll and pitch of the sensor in degrees.
    """
    rng = np.random.default_rng(0)
    turned = Rotation.from_euler("xy", tilt, degrees=True)
    elevation, azimuth = np.meshgrid(
        np.deg2rad(np.linspace(-25, 15, num_rings)), np.linspace(-np.pi, np.pi, 720)
    )
    rays = np.stack(
        [
            np.cos(elevation) * np.cos(azimuth),
            np.cos(elevation) * np.sin(azimuth),
            np.sin(elevation),
        ],
        axis=-1,
    ).reshape(-1, 3)
    in_world = turned.apply(rays)
    down = np.where(in_world[:, 2] < -1e-3, -height / np.minimum(in_world[:, 2], -1e-3), np.inf)
    # Two walls along the street; nothing else ends a ray that rises.
    wall = 18 / np.maximum(np.abs(in_world[:, 1]), 1e-9)
    depth = np.minimum(down, wall)
    seen = depth < 80
    points = rays[seen] * (depth[seen, None] + rng.normal(0, 0.02, (seen.sum(), 1)))
    points[rng.choice(len(points), len(points) // 200)] *= 1.5  # reflections
    return points.astype(np.float32)


@pytest.mark.parametrize("height", MOUNTINGS.values(), ids=MOUNTINGS)
@pytest.mark.parametrize("num_rings", [16, 32, 128])
@pytest.mark.parametrize("tilt", [(0.0, 0.0), (4.0, -3.0)])
def test_height_and_tilt_are_found(
    height: float, num_rings: int, tilt: tuple[float, float]
) -> None:
    found = fit_sensor_ground(scan(height, num_rings, tilt))
    assert found is not None
    normal = Rotation.from_euler("xy", tilt, degrees=True).inv().apply([0, 0, 1])
    expected = [-normal[0] / normal[2], -normal[1] / normal[2], -height / normal[2]]
    np.testing.assert_allclose(found, expected, atol=0.03)


def test_the_median_over_sweeps_is_taken() -> None:
    pose = measure_sensor_pose([scan(height, 16) for height in (1.7, 1.8, 2.5)])
    assert pose is not None
    assert pose.height == pytest.approx(1.8, abs=0.03)
    assert pose.heights == pytest.approx((1.7, 2.5), abs=0.03)
    assert pose.num_sweeps == 3
    assert pose.describe().startswith("Ground: 1.8")


@pytest.mark.parametrize("points", [np.zeros((0, 4)), np.ones((500, 4)), scan(1.8, 16)[:20]])
def test_points_without_ground_have_none(points: NDArray[Any]) -> None:
    assert measure_sensor_pose([points]) is None
    settings, remark = fit_settings(NUSCENES, None, published=False)
    assert settings == NUSCENES
    assert "stays 1.84 m" in remark


@pytest.mark.parametrize("height", MOUNTINGS.values(), ids=MOUNTINGS)
@pytest.mark.parametrize("pitch", [0.0, 4.0])
def test_regions_do_not_depend_on_the_mounting(height: float, pitch: float) -> None:
    parts = make_parts()
    points = np.concatenate(list(parts.values()))
    kinds = np.repeat(list(parts), [len(part) for part in parts.values()])
    in_world = points - [0, 0, GROUND_Z + height]
    moved = Rotation.from_euler("y", pitch, degrees=True).inv().apply(in_world)
    pose = measure_sensor_pose([moved])
    settings, _ = fit_settings(NUSCENES, pose, published=False)
    expected, found = make_regions(points), make_regions(moved, settings)
    assert (found == NoRegion.GROUND).mean() == pytest.approx(
        (expected == NoRegion.GROUND).mean(), abs=0.01
    )
    for kind in ("car", "van", "house", "bus", "ego"):
        assert set(found[kinds == kind].tolist()) == set(expected[kinds == kind].tolist())


def test_a_tilted_sensor_needs_the_slope() -> None:
    moved = Rotation.from_euler("y", -4, degrees=True).apply(scan(1.84, 64))
    as_published = (make_regions(moved) == NoRegion.GROUND).mean()
    settings, remark = fit_settings(NUSCENES, measure_sensor_pose([moved]), published=True)
    assert "slope_x=" in remark
    assert "sensor_height" not in remark
    assert (make_regions(moved, settings) == NoRegion.GROUND).mean() > as_published + 0.02


@pytest.mark.parametrize(
    ("height", "slope", "published", "chosen", "expected"),
    [
        (1.95, 0.04, True, (), NUSCENES),
        (0.52, 0.0, True, (), RegionSettings(sensor_height=0.52)),
        (1.95, 0.01, False, (), RegionSettings(sensor_height=1.95)),
        (1.95, 0.04, False, (), RegionSettings(sensor_height=1.95, slope_x=0.04)),
        (1.95, 0.06, True, (), RegionSettings(slope_x=0.06)),
        (1.95, 0.04, False, ("sensor_height",), RegionSettings(slope_x=0.04)),
    ],
)
def test_published_and_chosen_values_are_kept(
    height: float, slope: float, published: bool, chosen: tuple[str, ...], expected: RegionSettings
) -> None:
    pose = SensorPose(height, slope, 0.0, (height, height), 1)
    found, remark = fit_settings(NUSCENES, pose, published=published, chosen=chosen)
    assert found == expected
    assert bool(remark) == (expected != NUSCENES)
