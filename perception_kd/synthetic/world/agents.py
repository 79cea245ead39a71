"""Agents, objects with a box and a track: vehicles, people, barriers and cones."""

from dataclasses import dataclass

from perception_kd.structures import Array
from perception_kd.synthetic.world.meshes import Mesh
from perception_kd.synthetic.world.paths import GroundPath
from perception_kd.synthetic.world.poses import pose_matrix

# Length, width, height in m.
AGENT_SIZES = {
    "car": (4.6, 1.92, 1.7),
    "truck": (6.9, 2.5, 2.9),
    "bus": (11.0, 2.9, 3.4),
    "trailer": (10.5, 2.6, 3.7),
    "construction_vehicle": (6.0, 2.4, 3.1),
    "motorcycle": (2.1, 0.8, 1.2),
    "motorcycle_rider": (2.1, 0.8, 1.75),
    "bicycle": (1.7, 0.6, 1.05),
    "bicycle_rider": (1.75, 0.6, 1.7),
    "standing": (0.5, 0.65, 1.75),
    "walking": (0.85, 0.66, 1.75),
    "cone": (0.42, 0.42, 1.0),
    "barrier": (0.55, 2.4, 1.0),
}
CATEGORIES = {
    "car": "vehicle.car",
    "truck": "vehicle.truck",
    "bus": "vehicle.bus.rigid",
    "trailer": "vehicle.trailer",
    "construction_vehicle": "vehicle.construction",
    "motorcycle": "vehicle.motorcycle",
    "motorcycle_rider": "vehicle.motorcycle",
    "bicycle": "vehicle.bicycle",
    "bicycle_rider": "vehicle.bicycle",
    "standing": "human.pedestrian.adult",
    "walking": "human.pedestrian.adult",
    "cone": "movable_object.trafficcone",
    "barrier": "movable_object.barrier",
}


@dataclass(frozen=True)
class Agent:
    """An object with a box that follows a path at constant speed.

    Attributes:
        kind: Key of ``AGENT_SIZES``.
        size: Length, width, height in m.
        mesh: Mesh in the coordinates of the agent, with the origin at the box center.
        path: Path that the agent follows.
        start: Distance along the path at time 0 in m.
        speed: Speed in m/s.
        ground_height: Height of the ground below the agent in m.
        attribute: Attribute of nuScenes, or empty.
    """

    kind: str
    size: tuple[float, float, float]
    mesh: Mesh
    path: GroundPath
    start: float
    speed: float
    ground_height: float
    attribute: str

    @property
    def category(self) -> str:
        """Category of nuScenes."""
        return CATEGORIES[self.kind]

    def pose(self, time: float) -> Array:
        """Return the pose of the agent in the world at a time in s, shape (4, 4)."""
        x, y, yaw = self.path.pose(self.start + self.speed * time)
        return pose_matrix(yaw, (x, y, self.ground_height + self.size[2] / 2))


def get_attribute(kind: str, speed: float, parked: bool = True) -> str:
    """Return the nuScenes attribute of a kind of agent at a speed in m/s."""
    if kind in ("standing", "walking"):
        return "pedestrian.moving" if speed else "pedestrian.standing"
    if kind.startswith(("motorcycle", "bicycle")):
        return "cycle.with_rider" if kind.endswith("rider") else "cycle.without_rider"
    if kind in ("cone", "barrier"):
        return ""
    return "vehicle.moving" if speed else "vehicle.parked" if parked else "vehicle.stopped"
