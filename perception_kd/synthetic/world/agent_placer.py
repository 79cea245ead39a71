"""Placement of agents without collisions."""

import numpy as np
from shapely.geometry import Point

from perception_kd.structures import Array
from perception_kd.synthetic.world.agent_shapes import make_shape
from perception_kd.synthetic.world.agents import AGENT_SIZES, Agent, get_attribute
from perception_kd.synthetic.world.ground import CURB_HEIGHT
from perception_kd.synthetic.world.meshes import move
from perception_kd.synthetic.world.paths import GroundPath
from perception_kd.synthetic.world.poses import pose_matrix
from perception_kd.synthetic.world.streets import Street

# Space reserved for the ego vehicle; the origin of ego coordinates is the rear axle.
_EGO_SIZE = (10.0, 2.0, 1.7)
_EGO_CENTER = 1.4
# Boxes are larger than their contents, so that they contain points with range noise.
_MARGIN = 0.05


class AgentPlacer:
    """Places agents that never collide with each other or with the ego vehicle.

    Args:
        street: Street on which to place agents.
        duration: Duration of the scene in s.
        rng: Random generator of sizes and shapes.
    """

    def __init__(self, street: Street, duration: float, rng: np.random.Generator) -> None:
        self.agents: list[Agent] = []
        self._street, self._rng = street, rng
        self._times = np.arange(-0.5, duration + 0.51, 0.25)
        start = street.ego_start + _EGO_CENTER
        ego = [street.ego_path.pose(start + street.ego_speed * t) for t in self._times]
        self._discs = [_discs(np.array(ego), _EGO_SIZE)]

    def add(
        self,
        kind: str,
        path: GroundPath,
        start: float,
        speed: float = 0.0,
        *,
        raised: bool = False,
        parked: bool = True,
    ) -> bool:
        """Add an agent unless it would touch another one at any time.

        Args:
            kind: Key of ``AGENT_SIZES``.
            path: Path that the agent follows.
            start: Distance along the path at time 0 in m.
            speed: Speed in m/s.
            raised: Whether the agent is on the sidewalk.
            parked: Whether a vehicle at rest is parked instead of stopped in traffic.

        Returns:
            Whether the agent was added.
        """
        factors = self._rng.uniform(0.92, 1.08, 3)
        length, width, height = (
            float(s * f) for s, f in zip(AGENT_SIZES[kind], factors, strict=True)
        )
        poses = np.array([path.pose(start + speed * t) for t in self._times])
        discs = _discs(poses, (length, width, height))
        if any(_touch(discs, other) for other in self._discs):
            return False
        self._discs.append(discs)
        size = (length, width, height)
        inner = (length - 2 * _MARGIN, width - 2 * _MARGIN, height - _MARGIN)
        mesh = move(make_shape(kind, inner, self._rng), pose_matrix(0.0, (0, 0, -_MARGIN / 2)))
        self.agents.append(
            Agent(
                kind=kind,
                size=size,
                mesh=mesh,
                path=path,
                start=start,
                speed=speed,
                ground_height=CURB_HEIGHT if raised else 0.0,
                attribute=get_attribute(kind, speed, parked),
            )
        )
        return True


def _discs(poses: Array, size: tuple[float, float, float]) -> tuple[Array, float]:
    """Cover a box with discs along its longer side.

    Args:
        poses: x, y and yaw at some times, shape (times, 3).
        size: Length, width, height in m.

    Returns:
        Centers at all times, shape (times, discs, 2), and the radius in m.
    """
    long, short = max(size[:2]), min(size[:2])
    count = max(1, int(np.ceil(2 * long / short)))
    along = (np.arange(count) + 0.5) / count * long - long / 2
    yaw = poses[:, 2] + (0.0 if size[0] >= size[1] else np.pi / 2)
    heading = np.stack([np.cos(yaw), np.sin(yaw)], axis=1)
    centers = poses[:, None, :2] + along[:, None] * heading[:, None]
    return centers, float(np.hypot(short, long / count) / 2 + 0.05)


def _touch(first: tuple[Array, float], second: tuple[Array, float]) -> bool:
    gaps = np.linalg.norm(first[0][:, :, None] - second[0][:, None], axis=-1)
    return bool((gaps < first[1] + second[1]).any())


def place_at(x: float, y: float, yaw: float) -> GroundPath:
    """Return a straight path that starts at a pose, in m and rad."""
    return GroundPath.from_segments((x, y), yaw, [(1.0, 0.0)])


def on_road(street: Street, path: GroundPath, distance: float) -> bool:
    """Return whether a point along a path is on the road and outside the junction."""
    point = Point(path.pose(distance)[:2])
    return bool(street.drivable.contains(point) and not street.junction.contains(point))
