"""Placement of agents: traffic, parked vehicles, people and a work site."""

import numpy as np
from shapely.geometry import Point

from perception_kd.synthetic.world.agent_placer import AgentPlacer, on_road, place_at
from perception_kd.synthetic.world.agents import Agent
from perception_kd.synthetic.world.paths import GroundPath
from perception_kd.synthetic.world.streets import PARKING_WIDTH, Road, Street

_TRIES = 30


def make_traffic(street: Street, duration: float, rng: np.random.Generator) -> list[Agent]:
    """Place agents on a street.

    Each of the ten detection classes occurs near the middle of the street.

    Args:
        street: Street to fill.
        duration: Duration of the scene in s.
        rng: Random generator.
    """
    placer = AgentPlacer(street, duration, rng)
    main = street.roads[0]
    center = main.center.nearest((0.0, 0.0))
    _add_work_site(placer, main, center, rng)
    _add_one_each(placer, street, main, center, rng)
    _add_moving(placer, street, main, center, rng)
    _add_parked(placer, street, main, center, rng)
    _add_waiting(placer, street, rng)
    _add_people(placer, street, main, center, rng)
    return placer.agents


def _add_work_site(
    placer: AgentPlacer, main: Road, center: float, rng: np.random.Generator
) -> None:
    """Close the parking strip before the junction with an excavator and cones."""
    side = main.parking(oncoming=bool(rng.random() < 0.5))
    start = side.nearest(main.center.pose(center - 17.0)[:2])
    placer.add("construction_vehicle", side, start)
    for s, left in ((-9.0, -0.6), (-7.5, 0.1), (-6.0, 0.8), (5.0, 0.8), (6.2, 0.1)):
        placer.add("cone", side.offset(left + rng.normal(0, 0.08)), start + s)
    for s in (-12.0, 8.5):
        placer.add("barrier", side, start + s)
    # A row of barriers along the opposite curb.
    x, y, yaw = side.offset(-PARKING_WIDTH / 2 - 0.8).pose(start)
    for step in range(3):
        at = step * 2.8 - 2.8
        place = place_at(x + at * np.cos(yaw), y + at * np.sin(yaw), yaw + np.pi / 2)
        placer.add("barrier", place, 0.0, raised=True)


def _add_one_each(
    placer: AgentPlacer, street: Street, main: Road, center: float, rng: np.random.Generator
) -> None:
    """Add the rarer vehicles near the middle, where there is room."""
    for kind, reach in (("trailer", 40.0), ("bus", 40.0), ("truck", 35.0)):
        _try_along(placer, street, kind, main.parking(bool(rng.integers(2))), center, reach, rng)
    for kind in ("bicycle", "motorcycle"):
        for oncoming in (False, True):
            path = main.parking(oncoming)
            _try_along(placer, street, kind, path, center, 22.0, rng)
    for kind, speed in (("bicycle_rider", 4.0), ("motorcycle_rider", 7.0)):
        path = main.lane(main.lanes - 1, bool(rng.integers(2))).offset(-1.0)
        _try_along(placer, street, kind, path, center, 25.0, rng, speed)


def _try_along(
    placer: AgentPlacer,
    street: Street,
    kind: str,
    path: GroundPath,
    center: float,
    reach: float,
    rng: np.random.Generator,
    speed: float = 0.0,
) -> None:
    """Add an agent at a free random place within ``reach`` m of the center."""
    for _ in range(_TRIES):
        start = path.length - center if path.yaws[0] > np.pi / 2 else center
        s = start + rng.uniform(-reach, reach)
        if (speed or on_road(street, path, s)) and placer.add(kind, path, s, speed):
            return


def _add_moving(
    placer: AgentPlacer, street: Street, main: Road, center: float, rng: np.random.Generator
) -> None:
    """Add moving vehicles in both directions, at one speed per lane."""
    for number in range(main.lanes):
        for oncoming in (False, True):
            path = main.lane(number, oncoming)
            speed = street.ego_speed if not oncoming else float(rng.uniform(5, 10))
            s = center - 65 + rng.uniform(0, 15)
            while s < center + 75:
                kind = str(rng.choice(["car", "truck", "bus"], p=[0.84, 0.1, 0.06]))
                placer.add(kind, path, s, speed)
                s += rng.uniform(14, 34)


def _add_parked(
    placer: AgentPlacer, street: Street, main: Road, center: float, rng: np.random.Generator
) -> None:
    """Add parked cars along both curbs."""
    for oncoming in (False, True):
        path = main.parking(oncoming)
        for s in np.arange(center - 60, center + 60, 6.4):
            place = s + rng.normal(0, 0.3)
            if rng.random() < 0.55 and on_road(street, path, place):
                placer.add("car", path.offset(rng.normal(0, 0.1)), place)


def _add_waiting(placer: AgentPlacer, street: Street, rng: np.random.Generator) -> None:
    """Queue vehicles on the crossing road."""
    for road in street.roads[1:]:
        middle = road.center.nearest((0.0, 0.0))
        for number in range(road.lanes):
            for oncoming in (False, True):
                s = middle - road.half_width - 5.0 - rng.uniform(0, 2)
                for _ in range(int(rng.integers(1, 4))):
                    placer.add("car", road.lane(number, oncoming), s, parked=False)
                    s -= rng.uniform(6.5, 9)


def _add_people(
    placer: AgentPlacer, street: Street, main: Road, center: float, rng: np.random.Generator
) -> None:
    """Add pedestrians on the sidewalks and the crossings."""
    for number in range(14):
        side = float(rng.choice([-1, 1]))
        path = main.center.offset(side * (main.half_width + rng.uniform(1.0, 2.6)))
        path = path if rng.random() < 0.5 else path.reversed()
        s = path.nearest(main.center.pose(center + rng.uniform(-35, 35))[:2])
        walking = number % 3 != 0
        x, y, yaw = path.pose(s)
        if street.drivable.distance(Point(x, y)) < 0.6:
            continue
        yaw = yaw if walking else float(rng.uniform(-np.pi, np.pi))
        kind, speed = ("walking", float(rng.uniform(0.8, 1.7))) if walking else ("standing", 0.0)
        placer.add(kind, place_at(x, y, yaw), 0.0, speed, raised=True)
    for polygon in street.crossings:
        x, y = polygon.centroid.coords[0]
        _, _, yaw = main.center.pose(main.center.nearest((x, y)))
        start = -float(rng.uniform(1, main.half_width))
        turned = yaw + float(rng.choice([-1, 1])) * np.pi / 2
        placer.add("walking", place_at(x, y, turned), start, float(rng.uniform(1.0, 1.5)))
