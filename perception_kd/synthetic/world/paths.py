"""Paths that roads, vehicles and people follow."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from shapely.geometry import LineString

from perception_kd.structures import Array

_STEP = 0.5


@dataclass(frozen=True)
class GroundPath:
    """A smooth curve on the ground.

    Attributes:
        points: x, y in m at steps of 0.5 m, shape (N, 2).
        yaws: Heading at each point in rad, without jumps, shape (N,).
    """

    points: Array
    yaws: Array

    @classmethod
    def from_segments(
        cls,
        start: tuple[float, float],
        yaw: float,
        segments: Sequence[tuple[float, float]],
    ) -> "GroundPath":
        """Return a path of straight segments and arcs.

        Args:
            start: x, y in m.
            yaw: Heading at the start in rad.
            segments: Length in m and curvature in 1/m, positive to the left, of each
                segment.
        """
        curvature = np.concatenate(
            [np.full(max(1, round(length / _STEP)), bend) for length, bend in segments]
        )
        steps = np.concatenate(
            [np.full(n := max(1, round(length / _STEP)), length / n) for length, _ in segments]
        )
        yaws = yaw + np.concatenate([[0], np.cumsum(curvature * steps)])
        middle = (yaws[1:] + yaws[:-1]) / 2
        moves = steps[:, None] * np.stack([np.cos(middle), np.sin(middle)], 1)
        points = np.asarray(start, float) + np.concatenate([[[0, 0]], np.cumsum(moves, axis=0)])
        return cls(points, yaws)

    @property
    def length(self) -> float:
        """Length in m."""
        return float(self._distances[-1])

    def pose(self, distance: float) -> tuple[float, float, float]:
        """Return x, y, yaw in m and rad at a distance in m; straight past the ends."""
        along = self._distances
        s = float(np.clip(distance, 0, along[-1]))
        x, y = (float(np.interp(s, along, column)) for column in self.points.T)
        yaw = float(np.interp(s, along, self.yaws))
        rest = distance - s
        return x + rest * np.cos(yaw), y + rest * np.sin(yaw), yaw

    def offset(self, left: float) -> "GroundPath":
        """Return the parallel path at an offset in m to the left (negative: right)."""
        normal = np.stack([-np.sin(self.yaws), np.cos(self.yaws)], axis=1)
        return GroundPath(self.points + left * normal, self.yaws)

    def reversed(self) -> "GroundPath":
        """Return the path in the opposite direction."""
        return GroundPath(self.points[::-1], self.yaws[::-1] + np.pi)

    def nearest(self, point: tuple[float, float]) -> float:
        """Return the distance along the path, in m, of the point nearest to (x, y)."""
        away = np.linalg.norm(self.points - point, axis=1)
        return float(self._distances[np.argmin(away)])

    def line(self) -> LineString:
        """Return the path as a shapely line."""
        return LineString(self.points)

    @cached_property
    def _distances(self) -> Array:
        steps = np.linalg.norm(np.diff(self.points, axis=0), axis=1)
        return np.concatenate([[0], np.cumsum(steps)])
