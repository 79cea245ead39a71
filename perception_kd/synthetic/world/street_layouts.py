"""Random streets: a crossing, a straight road or a curve."""

import numpy as np
from shapely.geometry import box

from perception_kd.synthetic.world.paths import GroundPath
from perception_kd.synthetic.world.streets import (
    HALF_SIZE,
    LANE_WIDTH,
    PARKING_WIDTH,
    Road,
    Street,
    strip,
)

LAYOUTS = ("crossing", "straight", "curve")


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
        road = Road(GroundPath.from_segments((-far, 0.0), 0.0, [(2 * far, 0.0)]), lanes)
    else:
        bend = float(rng.choice([-1, 1]) / rng.uniform(50, 80))
        half = [(35.0, bend), (far - 35, 0.0)]
        ahead = GroundPath.from_segments((0.0, 0.0), 0.0, half)
        behind = GroundPath.from_segments((0.0, 0.0), np.pi, [(s, -k) for s, k in half]).reversed()
        yaws = np.concatenate([behind.yaws - 2 * np.pi, ahead.yaws[1:]])
        road = Road(GroundPath(np.concatenate([behind.points, ahead.points[1:]]), yaws), lanes)
    return Street(layout, [road], road.lane(lanes - 1), 0.0, speed)


def _make_crossing(lanes: int, lane: float, far: float, rng: np.random.Generator) -> Street:
    main = Road(GroundPath.from_segments((-far, 0.0), 0.0, [(2 * far, 0.0)]), lanes)
    cross = Road(GroundPath.from_segments((0.0, -far), np.pi / 2, [(2 * far, 0.0)]), lanes)
    turn = rng.choice(["left", "right", "straight"], p=[0.4, 0.4, 0.2])
    speed = 5.5 if turn != "straight" else 8.0
    if turn == "straight":
        path = main.lane(lanes - 1)
    else:
        side = 1 if turn == "left" else -1
        radius = 9.0 if turn == "left" else 8.0
        before = far + side * lane - radius
        segments = [(before, 0.0), (radius * np.pi / 2, side / radius), (far, 0.0)]
        path = GroundPath.from_segments((-far, -lane), 0.0, segments)
    # Slightly larger than the overlap of the roads: cutting exactly at their edges
    # would leave slivers.
    edge = main.half_width + 0.01
    junction = box(-edge, -edge, edge, edge)
    return Street("crossing", [main, cross], path, 0.0, speed, junction=junction)
