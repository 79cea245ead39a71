"""Sweeps of a spinning LiDAR."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perception_kd.geometry.rigid import invert_rigid, transform_points
from perception_kd.structures import Array
from perception_kd.synthetic.sensors.calibration import (
    HIGHEST_DEG,
    LOWEST_DEG,
    SWEEP_DURATION_S,
    SWEEP_END_DEG,
)
from perception_kd.synthetic.sensors.rays import Hits, Snapshot, join_hits
from perception_kd.synthetic.world.materials import property_table
from perception_kd.synthetic.world.weather import Weather

MIN_RANGE, MAX_RANGE = 1.0, 100.0
_STEPS = 60


@dataclass(frozen=True)
class RenderedSweep:
    """One sweep of a LiDAR, in firing order.

    Attributes:
        points: x, y, z in m in LiDAR coordinates at the end of the sweep, intensity
            0..255 and ring, counted from the lowest; shape (N, 5).
        object_id: Object id of each point, shape (N,).
    """

    points: NDArray[np.float32]
    object_id: NDArray[np.int64]


def scan(
    snapshot_at: Callable[[float], Snapshot],
    weather: Weather,
    lidar2world: Callable[[float], Array],
    lidar2ego: Array,
    beams: int,
    azimuths: int,
    rng: np.random.Generator,
) -> RenderedSweep:
    """Render one sweep while the ego vehicle and the agents move.

    The points are motion-compensated to the pose of the sensor at the end of the sweep,
    as in nuScenes: static objects are undistorted, and moving objects appear where they
    were when they were hit.

    Args:
        snapshot_at: Returns the scene at a time in s relative to the end of the sweep
            (<= 0).
        weather: Weather; rain drops returns.
        lidar2world: Returns the pose of the sensor at such a time, shape (4, 4).
        lidar2ego: Pose of the sensor on the vehicle, shape (4, 4).
        beams: Number of rings.
        azimuths: Number of firings per ring.
        rng: Source of the range noise and the dropped returns.
    """
    rays = _make_rays(lidar2ego, beams, azimuths)
    origins, directions, hits = _cast_sweep(rays, snapshot_at, lidar2world)
    ring = np.tile(np.arange(beams), azimuths)
    cos = -(hits.normal * directions).sum(axis=1).clip(-1, 0)
    distance = hits.distance.astype(float)
    intensity = _intensity(hits, cos, distance, rng)
    kept = _returns(hits, cos, distance, weather, rng)
    distance = distance + rng.normal(0, 0.015, len(distance))
    positions = origins[kept] + distance[kept, None] * directions[kept]
    points = transform_points(positions, invert_rigid(lidar2world(0.0)))
    rows = np.column_stack([points, intensity[kept], ring[kept]])
    return RenderedSweep(rows.astype(np.float32), hits.object_id[kept])


def _make_rays(lidar2ego: Array, beams: int, azimuths: int) -> Array:
    """Return unit vectors in LiDAR coordinates as fired, (azimuths, beams, 3)."""
    share = (np.arange(azimuths) + 1) / azimuths
    mount = np.arctan2(lidar2ego[1, 0], lidar2ego[0, 0])
    azimuth = np.deg2rad(SWEEP_END_DEG) - mount - 2 * np.pi * share
    elevation = np.deg2rad(np.linspace(LOWEST_DEG, HIGHEST_DEG, beams))
    ahead = np.stack([np.cos(azimuth), np.sin(azimuth), np.zeros(azimuths)], axis=1)
    up = np.array([0.0, 0.0, 1.0])
    return ahead[:, None] * np.cos(elevation)[:, None] + up * np.sin(elevation)[:, None]


def _cast_sweep(
    rays: Array, snapshot_at: Callable[[float], Snapshot], lidar2world: Callable[[float], Array]
) -> tuple[Array, Array, Hits]:
    """Return origins and directions in world coordinates, (N, 3), and their hits."""
    origins, directions, hits = [], [], []
    # In a sixtieth of a sweep nothing moves by more than a few centimeters.
    for columns in np.array_split(np.arange(len(rays)), min(_STEPS, len(rays))):
        time = -SWEEP_DURATION_S * (1 - (columns.mean() + 1) / len(rays))
        pose = lidar2world(time)
        directions.append(rays[columns].reshape(-1, 3) @ pose[:3, :3].T)
        origins.append(np.broadcast_to(pose[:3, 3], directions[-1].shape))
        hits.append(snapshot_at(time).cast(origins[-1], directions[-1]))
    return np.concatenate(origins), np.concatenate(directions), join_hits(hits)


def _intensity(hits: Hits, cos: Array, distance: Array, rng: np.random.Generator) -> Array:
    """Return intensities 0..255, by material, incidence angle and range, shape (N,)."""
    reflectance = property_table("reflectance")[hits.material]
    power = 0.4 + 2.0 * property_table("gloss")[hits.material]
    bright = hits.color.mean(axis=1) / 128
    fading = 1 / (1 + (np.where(np.isfinite(distance), distance, 0) / 70) ** 2)
    value = 110 * reflectance * (0.6 + 0.4 * bright) * cos**power * fading
    value = value * rng.lognormal(0, 0.22, len(value)) + rng.normal(0, 1.0, len(value))
    return np.round(np.clip(value, 0, 255))


def _returns(
    hits: Hits, cos: Array, distance: Array, weather: Weather, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Return the mask of the firings that give a return, shape (N,).

    Fewer do at long range, at grazing incidence and in rain.
    """
    seen = (distance > MIN_RANGE) & (distance < MAX_RANGE)
    away = np.where(seen, distance, 0)
    signal = property_table("reflectance")[hits.material] * np.maximum(cos, 1e-3)
    lost = 1 - np.exp(-((away / 260) ** 2) / np.maximum(signal, 1e-3))
    lost = 1 - (1 - lost) * (1 - property_table("dropout")[hits.material])
    if weather.wet:
        lost = 1 - (1 - lost) * np.exp(-away / 250)
    return seen & (rng.random(len(away)) >= lost)
