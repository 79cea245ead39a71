"""Streets: roads, their markings and the areas beside them."""

from dataclasses import dataclass, field

import numpy as np
from shapely.geometry import LineString, Polygon, box
from shapely.geometry.base import BaseGeometry
from shapely.ops import unary_union

from perception_kd.synthetic.world.paths import Path

LANE_WIDTH = 3.5
PARKING_WIDTH = 2.4
SIDEWALK_WIDTH = 3.2
HALF_SIZE = 150.0
LAYOUTS = ("crossing", "straight", "curve")


@dataclass(frozen=True)
class Road:
    """A road with right-hand traffic in both directions and parking strips.

    Attributes:
        center: Line between the two directions.
        lanes: Number of lanes per direction.
    """

    center: Path
    lanes: int

    @property
    def half_width(self) -> float:
        """Distance from the center to the curb in m."""
        return self.lanes * LANE_WIDTH + PARKING_WIDTH

    def lane(self, number: int, oncoming: bool = False) -> Path:
        """Return the center of a lane in driving direction; lane 0 is innermost."""
        shift = (number + 0.5) * LANE_WIDTH
        return self.center.offset(shift).reversed() if oncoming else self.center.offset(-shift)

    def parking(self, oncoming: bool = False) -> Path:
        """Return the center line of the parking strip in driving direction."""
        shift = self.half_width - PARKING_WIDTH / 2
        return self.center.offset(shift).reversed() if oncoming else self.center.offset(-shift)

    def polygon(self, margin: float = 0.0) -> BaseGeometry:
        """Return the area of the road, widened by a margin in m."""
        return self.center.line().buffer(self.half_width + margin, cap_style="flat")


@dataclass
class Street:
    """Roads and the areas around them, in the world frame in m.

    Attributes:
        layout: One of ``LAYOUTS``.
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
    ego_path: Path
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


def strip(path: Path, start: float, end: float, left: float, right: float) -> Polygon:
    """Return the area along a path between two distances and two offsets in m."""
    poses = [path.pose(s) for s in np.linspace(start, end, max(2, int(abs(end - start) / 2) + 2))]
    edges = []
    for shift in (left, right):
        edges.append([(x - shift * np.sin(yaw), y + shift * np.cos(yaw)) for x, y, yaw in poses])
    return Polygon([*edges[0], *edges[1][::-1]])


def make_street(layout: str, duration: float, rng: np.random.Generator) -> Street:
    """Draw a random street.

    Args:
        layout: One of ``LAYOUTS``.
        duration: Duration of the scene in s; halfway, the ego vehicle is in the middle.
        rng: Random generator.
    """
    street = _make_roads(layout, rng)
    middle = street.ego_path.nearest((0.0, 0.0))
    street.ego_start = middle - street.ego_speed * duration / 2
    main = street.roads[0]
    center = main.center.nearest((0.0, 0.0))
    half = main.half_width
    shifts = [half + 4.0, -half - 8.0] if len(street.roads) > 1 else [22.0]
    for shift in shifts:
        start = center + shift
        street.crossings.append(strip(main.center, start, start + 4.0, half, -half))
        # Vehicles stop before the crossing; behind a junction the oncoming ones do.
        oncoming = shift > 0 and len(street.roads) > 1
        edge, left, right = (4.7, half, 0.0) if oncoming else (-1.2, 0.0, -half)
        line = strip(main.center, start + edge, start + edge + 0.5, left, right)
        street.stop_lines.append(line)
    inner = half - PARKING_WIDTH
    for side in (1, -1):
        for start, end in ((center - 70, center - 22), (center + 30, center + 75)):
            street.carparks.append(strip(main.center, start, end, side * half, side * inner))
    for first, last in _gaps_for_islands(street, center):
        start, end = first + rng.uniform(0, 2), last - rng.uniform(0, 2)
        street.islands.append(strip(main.center, start, end, 0.55, -0.55))
    return street


def _gaps_for_islands(street: Street, center: float) -> list[tuple[float, float]]:
    """Return intervals of the first road in m without a junction or a crossing."""
    ahead = [(29.0, 47.0), (53.0, 71.0)]
    if len(street.roads) == 1:
        gaps = [(-66.0, -48.0), (-42.0, -24.0), (-16.0, 2.0), *ahead]
    else:
        far = street.roads[0].half_width + 11.0
        gaps = [(-far - 42, -far - 24), (-far - 18, -far), (far, far + 18), (far + 24, far + 42)]
    return [(center + first, center + last) for first, last in gaps]


def _make_roads(layout: str, rng: np.random.Generator) -> Street:
    lanes = int(rng.integers(1, 3))
    lane = LANE_WIDTH * (lanes - 0.5)
    far = HALF_SIZE - 1
    if layout == "crossing":
        return _make_crossing(lanes, lane, far, rng)
    speed = float(rng.uniform(6.5, 9.5))
    if layout == "straight":
        road = Road(Path.from_segments((-far, 0.0), 0.0, [(2 * far, 0.0)]), lanes)
    else:
        bend = float(rng.choice([-1, 1]) / rng.uniform(50, 80))
        half = [(35.0, bend), (far - 35, 0.0)]
        ahead = Path.from_segments((0.0, 0.0), 0.0, half)
        behind = Path.from_segments((0.0, 0.0), np.pi, [(s, -k) for s, k in half]).reversed()
        yaws = np.concatenate([behind.yaws - 2 * np.pi, ahead.yaws[1:]])
        road = Road(Path(np.concatenate([behind.points, ahead.points[1:]]), yaws), lanes)
    return Street(layout, [road], road.lane(lanes - 1), 0.0, speed)


def _make_crossing(lanes: int, lane: float, far: float, rng: np.random.Generator) -> Street:
    main = Road(Path.from_segments((-far, 0.0), 0.0, [(2 * far, 0.0)]), lanes)
    cross = Road(Path.from_segments((0.0, -far), np.pi / 2, [(2 * far, 0.0)]), lanes)
    turn = rng.choice(["left", "right", "straight"], p=[0.4, 0.4, 0.2])
    speed = 5.5 if turn != "straight" else 8.0
    if turn == "straight":
        path = main.lane(lanes - 1)
    else:
        side = 1 if turn == "left" else -1
        radius = 9.0 if turn == "left" else 8.0
        before = far + side * lane - radius
        segments = [(before, 0.0), (radius * np.pi / 2, side / radius), (far, 0.0)]
        path = Path.from_segments((-far, -lane), 0.0, segments)
    # Slightly larger than the overlap of the roads: cutting exactly at their edges
    # would leave slivers.
    edge = main.half_width + 0.01
    junction = box(-edge, -edge, edge, edge)
    return Street("crossing", [main, cross], path, 0.0, speed, junction=junction)
