"""One scene's world: street, things, agents, weather, and the ego vehicle's way."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from perception_kd.geometry.rigid import Array
from perception_kd.synthetic.sensors.poses import pose_matrix
from perception_kd.synthetic.settings import SCENE_LOCATIONS, SyntheticSettings
from perception_kd.synthetic.world.agents import Agent
from perception_kd.synthetic.world.ground import Ground, make_ground
from perception_kd.synthetic.world.objects import StaticObject, make_objects
from perception_kd.synthetic.world.streets import Street, make_street
from perception_kd.synthetic.world.traffic import make_traffic
from perception_kd.synthetic.world.weather import Look, make_look

SKY_ID = 0
# Terrain, road, sidewalk, island, and what is painted on the road.
GROUND_IDS = np.array([1, 2, 3, 4, 2])
FIRST_OBJECT_ID = 5
_GROUND_CATEGORIES = ["flat.terrain", "flat.driveable_surface", "flat.sidewalk", "flat.other"]

# Layout and look of each scene: all pairs occur, and those of the second and fourth
# scene, which are for validation, are a dry and a wet one.
_THEMES = (
    ("crossing", "day"),
    ("straight", "day"),
    ("curve", "rain"),
    ("crossing", "rain"),
    ("straight", "dusk"),
    ("curve", "day"),
    ("crossing", "dusk"),
    ("straight", "rain"),
    ("curve", "dusk"),
    ("crossing", "day"),
)

# Corners of a map hold a world each, this many m apart.
_SLOT = 400.0
CANVAS = 2 * _SLOT


@dataclass(frozen=True)
class World:
    """Everything that sensors can see in a scene, in the world's frame in m.

    Attributes:
        name: Of the scene.
        street: Roads and areas.
        ground: Surface and its kinds.
        objects: What never moves and has no box.
        agents: What has a box.
        look: Light and weather.
        world2global: Where the world lies on the map, shape (4, 4).
    """

    name: str
    street: Street
    ground: Ground
    objects: list[StaticObject]
    agents: list[Agent]
    look: Look
    world2global: Array

    @property
    def location(self) -> str:
        """Name of the map."""
        return SCENE_LOCATIONS[self.name]

    @property
    def first_agent_id(self) -> int:
        """Object id of the first agent; the others follow in order."""
        return FIRST_OBJECT_ID + len(self.objects)

    @cached_property
    def categories(self) -> NDArray[np.str_]:
        """Category of lidarseg of each object id; that of the sky is noise."""
        names = ["noise", *_GROUND_CATEGORIES]
        names += [thing.category for thing in self.objects]
        return np.array([*names, *(agent.category for agent in self.agents)])

    def ego2world(self, time: float) -> Array:
        """Return the pose of the ego vehicle at a time in s, shape (4, 4)."""
        street = self.street
        x, y, yaw = street.ego_path.pose(street.ego_start + street.ego_speed * time)
        tilt = np.array([0.004 * np.sin(1.7 * time), 0.006 * np.sin(2.3 * time + 1), 0.0])
        return pose_matrix(yaw, (x, y, 0.0), tilt)


def make_world(settings: SyntheticSettings, number: int) -> World:
    """Draw the world of a scene; it depends on the seed and its number alone.

    Args:
        settings: Of the data set.
        number: Of the scene, 0..9.
    """
    rng = np.random.default_rng([settings.seed, number])
    layout, weather = _THEMES[number]
    look = make_look(weather, rng)
    street = make_street(layout, settings.duration, rng)
    ground = make_ground(street, rng)
    objects = make_objects(street, rng)
    agents = make_traffic(street, settings.duration, rng)
    names = list(SCENE_LOCATIONS)
    location = SCENE_LOCATIONS[names[number]]
    slot = [SCENE_LOCATIONS[name] for name in names[:number]].count(location)
    center = ((slot % 2 + 0.5) * _SLOT, (slot // 2 + 0.5) * _SLOT, 0.0)
    # Quarter turns keep the square of a world within its part of the map.
    yaw = float(rng.integers(4)) * np.pi / 2 + float(rng.uniform(-0.35, 0.35))
    world2global = pose_matrix(yaw, center)
    return World(names[number], street, ground, objects, agents, look, world2global)
