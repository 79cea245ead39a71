"""Streets: roads, their markings and the areas beside them."""

from dataclasses import dataclass, field

import numpy as np
from shapely.geometry import LineString, Polygon
from shapely.geometry.base import BaseGeometry
from shapely.ops import unary_union

from perception_kd.synthetic.world.paths import GroundPath

LANE_WIDTH = 3.5
PARKING_WIDTH = 2.4
SIDEWALK_WIDTH = 3.2
HALF_SIZE = 150.0


@dataclass(frozen=True)
class Road:
    """A road with right-hand traffic in both directions and parking strips.

    Attributes:
        center: Line between the two directions.
        lanes: Number of lanes per direction.
    """

    center: GroundPath
    lanes: int

    @property
    def half_width(self) -> float:
        """Distance from the center to the curb in m."""
        return self.lanes * LANE_WIDTH + PARKING_WIDTH

    def lane(self, number: int, oncoming: bool = False) -> GroundPath:
        """Return the center of a lane in driving direction; lane 0 is innermost."""
        shift = (number + 0.5) * LANE_WIDTH
        return self.center.offset(shift).reversed() if oncoming else self.center.offset(-shift)

    def parking(self, oncoming: bool = False) -> GroundPath:
        """Return the center line of the parking strip in driving direction."""
        shift = self.half_width - PARKING_WIDTH / 2
        return self.center.offset(shift).reversed() if oncoming else self.center.offset(-shift)

    def polygon(self, margin: float = 0.0) -> BaseGeometry:
        """Return the area of the road, widened by a margin in m."""
        return self.center.line().buffer(self.half_width + margin, cap_style="flat")


@dataclass
class Street:
    """Roads and the areas around them, in world coordinates in m.

    Attributes:
        layout: "crossing", "straight" or "curve".
        roads: Roads; the ego vehicle arrives on the first one.
        ego_path: Path of the ego vehicle.
        ego_start: Distance along this path at time 0 in m.
        ego_speed: Speed of the ego vehicle in m/s.
        junction: Area where roads cross; empty if there is only one road.
        crossings: Pedestrian crossings.
        stop_lines: Stop lines, one per crossing.
        carparks: Parking strips.
        islands: Raised, paved traffic islands.
    """

    layout: str
    roads: list[Road]
    ego_path: GroundPath
    ego_start: float
    ego_speed: float
    junction: BaseGeometry = field(default_factory=Polygon)
    crossings: list[Polygon] = field(default_factory=list)
    stop_lines: list[Polygon] = field(default_factory=list)
    carparks: list[Polygon] = field(default_factory=list)
    islands: list[Polygon] = field(default_factory=list)

    @property
    def drivable(self) -> BaseGeometry:
        """Return the drivable area, without islands."""
        corners = unary_union([road.polygon() for road in self.roads])
        if len(self.roads) > 1:
            # Closing rounds the corners of a junction.
            corners = corners.buffer(4.0).buffer(-4.0)
        return corners.difference(unary_union(self.islands))

    @property
    def sidewalks(self) -> BaseGeometry:
        """Return the area of the sidewalks."""
        wide = unary_union([road.polygon(SIDEWALK_WIDTH) for road in self.roads])
        return wide.difference(self.drivable).difference(unary_union(self.islands))

    def dividers(self) -> tuple[list[LineString], list[LineString]]:
        """Return the lines between the directions and the lines between lanes."""
        middles = [road.center.line() for road in self.roads]
        lanes = [
            road.center.offset(side * number * LANE_WIDTH).line()
            for road in self.roads
            for side in (-1, 1)
            for number in range(1, road.lanes + 1)
        ]
        return self._outside(middles), self._outside(lanes)

    def lane_polygons(self) -> list[Polygon]:
        """Return the area of each lane outside the junction."""
        polygons = []
        for road in self.roads:
            for number in range(road.lanes):
                for oncoming in (False, True):
                    line = road.lane(number, oncoming).line()
                    strip = line.buffer(LANE_WIDTH / 2, cap_style="flat")
                    polygons += polygons_of(strip.difference(self.junction))
        return polygons

    def _outside(self, lines: list[LineString]) -> list[LineString]:
        parts: list[LineString] = []
        for line in lines:
            rest = line.difference(self.junction)
            parts += getattr(rest, "geoms", [rest])
        return [part for part in parts if part.length > 1]


def polygons_of(geometry: BaseGeometry) -> list[Polygon]:
    """Return the polygons of a geometry, without slivers."""
    parts = getattr(geometry, "geoms", [geometry])
    return [part for part in parts if isinstance(part, Polygon) and part.area > 0.01]


def strip(path: GroundPath, start: float, end: float, left: float, right: float) -> Polygon:
    """Return the area along a path between two distances and two offsets in m."""
    poses = [path.pose(s) for s in np.linspace(start, end, max(2, int(abs(end - start) / 2) + 2))]
    edges = []
    for shift in (left, right):
        edges.append([(x - shift * np.sin(yaw), y + shift * np.cos(yaw)) for x, y, yaw in poses])
    return Polygon([*edges[0], *edges[1][::-1]])
