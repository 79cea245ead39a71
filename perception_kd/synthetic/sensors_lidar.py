"""A spinning LiDAR."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perception_kd.geometry.rigid import Array, invert_rigid, transform_points
from perception_kd.synthetic.looks import Look
from perception_kd.synthetic.materials import property_table
from perception_kd.synthetic.sensors_calibration import (
    HIGHEST_DEG,
    LIDAR_END_DEG,
    LIDAR_TURN,
    LOWEST_DEG,
)
from perception_kd.synthetic.sensors_rays import Hits, Moment

MIN_RANGE, MAX_RANGE = 1.0, 100.0
_STEPS = 60


@dataclass(frozen=True)
class Sweep:
    """One turn of a LiDAR, in the order in which it fired.

    Attributes:
        points: x, y, z in m in the LiDAR frame at the end of the turn, intensity
            0..255, ring from the lowest; shape (N, 5).
        object_id: What each point lies on, shape (N,).
    """

    points: NDArray[np.float32]
    object_id: NDArray[np.int64]


def scan(
    moment: Moment,
    look: Look,
    lidar2world: Callable[[float], Array],
    lidar2ego: Array,
    beams: int,
    azimuths: int,
    rng: np.random.Generator,
) -> Sweep:
    """Turn once, while the vehicle moves.

    The sensor moves during the turn, and the points are given as seen from where it
    ends up, as in nuScenes. Other things are held still at the time of the end, so that
    boxes of that time contain their points.

    Args:
        moment: The world at the end of the turn.
        look: Rain swallows returns.
        lidar2world: Pose of the sensor some s after the end of the turn, (4, 4).
        lidar2ego: Its pose on the vehicle.
        beams: Number of rings.
        azimuths: Firings of a ring.
        rng: Noise and losses are drawn from it.
    """
    origins, directions, ring = _make_turn(lidar2world, lidar2ego, beams, azimuths)
    hits = moment.cast(origins, directions)
    cos = -(hits.normal * directions).sum(axis=1).clip(-1, 0)
    distance = hits.distance.astype(float)
    intensity = _intensity(hits, cos, distance, rng)
    kept = _returns(hits, cos, distance, look, rng)
    distance = distance + rng.normal(0, 0.015, len(distance))
    positions = origins[kept] + distance[kept, None] * directions[kept]
    points = transform_points(positions, invert_rigid(lidar2world(0.0)))
    rows = np.column_stack([points, intensity[kept], ring[kept]])
    return Sweep(rows.astype(np.float32), hits.object_id[kept])


def _make_turn(
    lidar2world: Callable[[float], Array], lidar2ego: Array, beams: int, azimuths: int
) -> tuple[Array, Array, NDArray[np.int64]]:
    """Return origins and directions in the world's frame, and rings, as they fire."""
    share = (np.arange(azimuths) + 1) / azimuths
    mount = np.arctan2(lidar2ego[1, 0], lidar2ego[0, 0])
    azimuth = np.deg2rad(LIDAR_END_DEG) - mount - 2 * np.pi * share
    elevation = np.deg2rad(np.linspace(LOWEST_DEG, HIGHEST_DEG, beams))
    ring = np.tile(np.arange(beams), azimuths)
    column = np.repeat(np.arange(azimuths), beams)
    flat = np.cos(elevation)[ring]
    rays = np.stack(
        [flat * np.cos(azimuth[column]), flat * np.sin(azimuth[column]), np.sin(elevation)[ring]],
        axis=1,
    )
    # In a sixtieth of a turn the vehicle moves by less than a centimeter.
    step = (column * _STEPS) // azimuths
    times = -LIDAR_TURN * (1 - (np.arange(_STEPS) + 0.5) / _STEPS)
    poses = np.array([lidar2world(time) for time in times])[step]
    return poses[:, :3, 3], np.einsum("nij,nj->ni", poses[:, :3, :3], rays), ring


def _intensity(hits: Hits, cos: Array, distance: Array, rng: np.random.Generator) -> Array:
    """Return what comes back, 0..255: by material, incidence and range."""
    reflectance = property_table("reflectance")[hits.material]
    power = 0.4 + 2.0 * property_table("gloss")[hits.material]
    bright = hits.color.mean(axis=1) / 128
    fading = 1 / (1 + (np.where(np.isfinite(distance), distance, 0) / 70) ** 2)
    value = 110 * reflectance * (0.6 + 0.4 * bright) * cos**power * fading
    value = value * rng.lognormal(0, 0.22, len(value)) + rng.normal(0, 1.0, len(value))
    return np.round(np.clip(value, 0, 255))


def _returns(
    hits: Hits, cos: Array, distance: Array, look: Look, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Return which firings come back: fewer from far, at grazing incidence, in rain."""
    seen = (distance > MIN_RANGE) & (distance < MAX_RANGE)
    away = np.where(seen, distance, 0)
    signal = property_table("reflectance")[hits.material] * np.maximum(cos, 1e-3)
    lost = 1 - np.exp(-((away / 260) ** 2) / np.maximum(signal, 1e-3))
    lost = 1 - (1 - lost) * (1 - property_table("dropout")[hits.material])
    if look.wet:
        lost = 1 - (1 - lost) * np.exp(-away / 250)
    return seen & (rng.random(len(away)) >= lost)
