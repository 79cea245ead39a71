"""A scene: street, static objects, agents, weather and the path of the ego vehicle."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from perception_kd.structures import Array
from perception_kd.synthetic.world.agents import Agent
from perception_kd.synthetic.world.ground import Ground, make_ground
from perception_kd.synthetic.world.objects import StaticObject, make_objects
from perception_kd.synthetic.world.poses import pose_matrix
from perception_kd.synthetic.world.settings import SCENE_LOCATIONS, SyntheticSettings
from perception_kd.synthetic.world.street_layouts import make_street
from perception_kd.synthetic.world.streets import Street
from perception_kd.synthetic.world.traffic import make_traffic
from perception_kd.synthetic.world.weather import Weather, make_weather

SKY_ID = 0
# By ground kind: terrain, road, sidewalk, island and road marking (labeled as road).
GROUND_IDS = np.array([1, 2, 3, 4, 2])
FIRST_OBJECT_ID = 5
_GROUND_CATEGORIES = ["flat.terrain", "flat.driveable_surface", "flat.sidewalk", "flat.other"]

# Layout and weather of each scene. All pairs occur; of the two validation scenes,
# the second and the fourth, one is dry and one is wet.
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

# Each quarter of a map holds one scene; their centers are this many m apart.
_SLOT = 400.0
CANVAS = 2 * _SLOT


@dataclass(frozen=True)
class Scene:
    """Everything that the sensors can observe, in world coordinates in m.

    Attributes:
        name: Name of the scene.
        street: Roads and the areas around them.
        ground: Surface of the ground and its kinds.
        objects: Static objects without a box.
        agents: Objects with a box: vehicles, people, barriers, cones.
        weather: Weather and lighting.
        world2global: Pose of world coordinates on the map, shape (4, 4).
    """

    name: str
    street: Street
    ground: Ground
    objects: list[StaticObject]
    agents: list[Agent]
    weather: Weather
    world2global: Array

    @property
    def location(self) -> str:
        """Name of the map."""
        return SCENE_LOCATIONS[self.name]

    @property
    def first_agent_id(self) -> int:
        """Object id of the first agent; the other agents follow in order."""
        return FIRST_OBJECT_ID + len(self.objects)

    @cached_property
    def categories(self) -> NDArray[np.str_]:
        """Lidarseg category of each object id; the sky is "noise"."""
        names = ["noise", *_GROUND_CATEGORIES]
        names += [thing.category for thing in self.objects]
        return np.array([*names, *(agent.category for agent in self.agents)])

    def ego2world(self, time: float) -> Array:
        """Return the pose of the ego vehicle at a time in s, shape (4, 4)."""
        street = self.street
        x, y, yaw = street.ego_path.pose(street.ego_start + street.ego_speed * time)
        tilt = np.array([0.004 * np.sin(1.7 * time), 0.006 * np.sin(2.3 * time + 1), 0.0])
        return pose_matrix(yaw, (x, y, 0.0), tilt)


def make_scene(settings: SyntheticSettings, number: int) -> Scene:
    """Draw a scene from the seed and the scene's number alone.

    Args:
        settings: Settings of the data set.
        number: Number of the scene, 0..9.
    """
    rng = np.random.default_rng([settings.seed, number])
    layout, weather_name = _THEMES[number]
    weather = make_weather(weather_name, rng)
    street = make_street(layout, settings.duration, rng)
    ground = make_ground(street, rng)
    objects = make_objects(street, rng)
    agents = make_traffic(street, settings.duration, rng)
    names = list(SCENE_LOCATIONS)
    location = SCENE_LOCATIONS[names[number]]
    slot = [SCENE_LOCATIONS[name] for name in names[:number]].count(location)
    center = ((slot % 2 + 0.5) * _SLOT, (slot // 2 + 0.5) * _SLOT, 0.0)
    # Quarter turns keep the square of a scene within its part of the map.
    yaw = float(rng.integers(4)) * np.pi / 2 + float(rng.uniform(-0.35, 0.35))
    return Scene(
        name=names[number],
        street=street,
        ground=ground,
        objects=objects,
        agents=agents,
        weather=weather,
        world2global=pose_matrix(yaw, center),
    )
