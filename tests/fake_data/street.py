"""A street of boxes on flat ground, rendered by ray casting."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SKY, ROAD, SIDEWALK, TERRAIN = -1, 0, 1, 2
GROUND_KINDS = ("road", "sidewalk", "terrain")

COLORS = {
    "sky": (150, 190, 235),
    "road": (90, 90, 95),
    "sidewalk": (170, 160, 150),
    "terrain": (80, 130, 60),
    "building": (160, 90, 70),
    "trunk": (90, 60, 30),
    "car": (200, 30, 40),
    "truck": (230, 200, 40),
    "person": (40, 60, 210),
}
REFLECTANCE = {
    "road": 0.06,
    "sidewalk": 0.14,
    "terrain": 0.22,
    "building": 0.35,
    "trunk": 0.28,
    "car": 0.6,
    "truck": 0.75,
    "person": 0.45,
}


@dataclass(frozen=True)
class Thing:
    """A box that stands on the ground and may move along its heading.

    Attributes:
        kind: A key of ``COLORS``.
        position: x along the street and y to its left in m, of the center at time 0.
        size: Length, width, height in m.
        yaw: Counter-clockwise from x in rad.
        speed: Speed along the heading in m/s.
    """

    kind: str
    position: tuple[float, float]
    size: tuple[float, float, float]
    yaw: float = 0.0
    speed: float = 0.0

    def center(self, time: float) -> Array:
        """Return the center at a time in s, in m, shape (3,)."""
        heading = np.array([np.cos(self.yaw), np.sin(self.yaw)])
        return np.append(np.array(self.position) + time * self.speed * heading, self.size[2] / 2)

    def rotation(self) -> Array:
        """Return the rotation from the frame of the box to the street, shape (3, 3)."""
        cos, sin = np.cos(self.yaw), np.sin(self.yaw)
        return np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1.0]])


class Hits(NamedTuple):
    """First hits of rays.

    Attributes:
        distance: Distance in m, infinite for the sky, shape (N,).
        surface: -1 = sky, 0..2 = kinds of ground, 3 + i = thing i, shape (N,).
        local: Position in the frame of the thing or the ground in m, shape (N, 3).
    """

    distance: Array
    surface: NDArray[np.int64]
    local: Array


class Street:
    """A road along x with sidewalks, buildings, vehicles and people.

    Args:
        rng: Source of the positions of the things.
        length: Length of the built-up part in m.
    """

    def __init__(self, rng: np.random.Generator, length: float = 120.0) -> None:
        things = []
        for side in (-1, 1):
            for x in np.arange(-length / 2, length / 2, 15.0):
                height = rng.uniform(4, 12)
                things.append(Thing("building", (x, side * 15.0), (12.0, 8.0, height)))
                things.append(Thing("trunk", (x + 7.0, side * 8.5), (0.5, 0.5, 4.0)))
            for x in rng.uniform(-25, 25, size=3):
                yaw = rng.uniform(-np.pi, np.pi)
                things.append(Thing("person", (x, side * 7.0), (0.7, 0.7, 1.75), yaw, 1.2))
        for x in (-24.0, -11.0, 9.0, 21.0):
            shifted = x + rng.uniform(-2, 2)
            things.append(Thing("car", (shifted, -4.5), (4.5, 1.9, 1.6), rng.uniform(-0.1, 0.1)))
        things.append(Thing("car", (16.0, 0.0), (4.5, 1.9, 1.6), 0.02, 6.0))
        things.append(Thing("car", (28.0, 3.5), (4.5, 1.9, 1.6), np.pi, 7.0))
        things.append(Thing("truck", (-14.0, 3.5), (8.0, 2.5, 3.2), np.pi - 0.03, 4.0))
        self.things = things

    def cast(self, origin: Array, directions: Array, time: float) -> Hits:
        """Cast rays from one point.

        Args:
            origin: Origin in the street frame in m, shape (3,).
            directions: Unit vectors, shape (N, 3).
            time: Time in s.
        """
        hits = self._cast_ground(origin, directions)
        for index, thing in enumerate(self.things):
            self._cast_thing(thing, 3 + index, origin, directions, time, hits)
        return hits

    def kinds(self, surface: NDArray[np.int64]) -> NDArray[np.str_]:
        """Return the kinds of surfaces (N,), shape (N,)."""
        names = [*GROUND_KINDS, *(thing.kind for thing in self.things), "sky"]
        return np.array(names)[surface]

    @staticmethod
    def _cast_ground(origin: Array, directions: Array) -> Hits:
        down = directions[:, 2] < -1e-6
        distance = np.where(down, -origin[2] / np.where(down, directions[:, 2], 1.0), np.inf)
        local = np.where(
            down[:, None], origin + np.where(down, distance, 0)[:, None] * directions, 0
        )
        offset = np.abs(local[:, 1])
        surface = np.select([~down, offset < 6.0, offset < 10.0], [SKY, ROAD, SIDEWALK], TERRAIN)
        return Hits(distance, surface, local)

    @staticmethod
    def _cast_thing(
        thing: Thing, number: int, origin: Array, directions: Array, time: float, hits: Hits
    ) -> None:
        # Only rays in the cone around the bounding sphere of the thing can hit it.
        to_center = thing.center(time) - origin
        away, radius = math.hypot(*to_center), math.hypot(*thing.size) / 2
        cos_edge = math.sqrt(1 - (radius / away) ** 2) if away > radius else -1.0
        near = np.flatnonzero(directions @ (to_center / away) >= cos_edge)

        rotation = thing.rotation()
        start, along = -to_center @ rotation, directions[near] @ rotation
        along = np.where(np.abs(along) < 1e-12, 1e-12, along)
        half = np.array(thing.size) / 2
        first, second = (-half - start) / along, (half - start) / along
        enter = np.minimum(first, second).max(axis=1)
        leave = np.maximum(first, second).min(axis=1)
        nearer = (enter > 0.1) & (enter < leave) & (enter < hits.distance[near])
        rays = near[nearer]
        hits.distance[rays] = enter[nearer]
        hits.surface[rays] = number
        hits.local[rays] = start + enter[nearer, None] * along[nearer]


def scan(
    street: Street, lidar2street: Array, elevations: Array, num_azimuths: int, time: float
) -> tuple[Array, NDArray[np.int64], NDArray[np.int64], NDArray[np.str_]]:
    """Scan a street with a spinning LiDAR.

    Args:
        street: Street to scan.
        lidar2street: Pose of the LiDAR, shape (4, 4).
        elevations: Elevation of each ring in rad, shape (R,).
        num_azimuths: Number of firings per ring.
        time: Time in s.

    Returns:
        Points in LiDAR coordinates in m (N, 3), rings (N,), surfaces (N,), kinds (N,).
    """
    azimuths = np.linspace(-np.pi, np.pi, num_azimuths, endpoint=False)
    ring, azimuth = (x.ravel() for x in np.meshgrid(np.arange(len(elevations)), azimuths))
    elevation = elevations[ring]
    flat = np.cos(elevation)
    directions = np.stack([flat * np.cos(azimuth), flat * np.sin(azimuth), np.sin(elevation)], 1)
    hits = street.cast(lidar2street[:3, 3], directions @ lidar2street[:3, :3].T, time)
    seen = hits.distance < 70.0
    points = directions[seen] * hits.distance[seen, None]
    surface = hits.surface[seen]
    return points, ring[seen], surface, street.kinds(surface)


def render_image(
    street: Street,
    cam2street: Array,
    cam2img: Array,
    img_size: tuple[int, int],
    time: float,
    rng: np.random.Generator,
) -> NDArray[np.uint8]:
    """Render the image of a camera.

    Args:
        street: Street to render.
        cam2street: Pose of the camera, shape (4, 4).
        cam2img: Intrinsics in px, shape (3, 3).
        img_size: Height and width in px.
        time: Time in s.
        rng: Source of the image noise.

    Returns:
        RGB image, uint8, shape (H, W, 3).
    """
    height, width = img_size
    row, col = np.mgrid[:height, :width].reshape(2, -1)
    rays = np.stack([col, row, np.ones_like(row)], axis=1) @ np.linalg.inv(cam2img).T
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    hits = street.cast(cam2street[:3, 3], rays @ cam2street[:3, :3].T, time)

    palette = np.array(
        [COLORS[kind] for kind in street.kinds(np.arange(-1, 3 + len(street.things)))]
    )
    color = palette[hits.surface + 1].astype(float)
    checker = np.floor(hits.local / 0.6).sum(axis=1) % 2
    shade = 0.85 + 0.3 * checker + 0.1 * np.sin(hits.surface * 2.4)
    color *= np.where(hits.surface == SKY, 1.0, shade)[:, None]
    color += rng.normal(0, 4, color.shape)
    return np.clip(color, 0, 255).astype(np.uint8).reshape(height, width, 3)


def intensities(kinds: NDArray[np.str_], rng: np.random.Generator) -> Array:
    """Return a plausible reflectance 0..1 for points of kinds (N,), shape (N,)."""
    base = np.array([REFLECTANCE[kind] for kind in kinds])
    return np.clip(base + rng.normal(0, 0.03, len(kinds)), 0, 1)
