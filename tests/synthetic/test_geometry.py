"""Consistency of the rendered sensors: points, pixels and boxes agree."""

import numpy as np
import pytest

from perception_kd.geometry.projection import project_points
from perception_kd.geometry.rigid import invert_rigid, transform_points
from perception_kd.structures import Array
from perception_kd.synthetic.sensors.calibration import (
    CAMERAS,
    LIDAR,
    VehicleCalibration,
    mount_sensors,
)
from perception_kd.synthetic.sensors.camera import RenderedImage, render_image
from perception_kd.synthetic.sensors.lidar import RenderedSweep, _returns, scan
from perception_kd.synthetic.sensors.rays import Hits, RayCaster
from perception_kd.synthetic.world.materials import MATERIAL_INDEX
from perception_kd.synthetic.world.scene import Scene, make_scene
from perception_kd.synthetic.world.settings import SyntheticSettings
from perception_kd.synthetic.world.weather import make_weather

SETTINGS = SyntheticSettings(width=400, height=225)
SIZE = (SETTINGS.height, SETTINGS.width)
TIME = 2.5


class Keyframe:
    """One rendered keyframe of a scene."""

    def __init__(self, number: int) -> None:
        self.scene: Scene = make_scene(SETTINGS, number)
        self.calibration: VehicleCalibration = mount_sensors(
            SETTINGS.width, SETTINGS.height, np.random.default_rng(number)
        )
        self.caster = RayCaster(self.scene)
        self.sweep: RenderedSweep = scan(
            lambda time: self.caster.at(TIME + time),
            self.scene.weather,
            lambda time: self.pose(LIDAR, TIME + time),
            self.calibration.sensor2ego[LIDAR],
            SETTINGS.beams,
            SETTINGS.azimuths,
            np.random.default_rng(number),
        )

    def pose(self, channel: str, time: float) -> Array:
        """Return the pose of a sensor in the world."""
        return self.scene.ego2world(time) @ self.calibration.sensor2ego[channel]

    def render(self, name: str, time: float) -> RenderedImage:
        """Return the image of a camera."""
        view = self.pose(name, time), self.calibration.cam2img[name]
        snapshot = self.caster.at(time)
        return render_image(snapshot, self.scene.weather, *view, SIZE, np.random.default_rng(0))


@pytest.fixture(scope="module", params=[0, 1, 2], ids=["crossing", "straight", "curve"])
def keyframe(request: pytest.FixtureRequest) -> Keyframe:
    return Keyframe(request.param)


def test_points_land_on_pixels_of_the_same_object(keyframe: Keyframe) -> None:
    points = keyframe.sweep.points[:, :3].astype(float)
    num_right, num_seen = 0, 0
    for name, spec in CAMERAS.items():
        time = TIME + spec.delay
        rendered = keyframe.render(name, time)
        lidar2cam = invert_rigid(keyframe.pose(name, time)) @ keyframe.pose(LIDAR, TIME)
        projection = project_points(points, lidar2cam, keyframe.calibration.cam2img[name], SIZE)
        seen = np.flatnonzero(projection.visible)
        col, row = np.round(projection.pixels[seen]).astype(int).T
        # A pixel is one ray: on slanted surfaces the depth varies across the pixel.
        hidden = rendered.depth[row, col] < 0.97 * projection.depth[seen] - 0.3
        same = rendered.object_id[row, col] == keyframe.sweep.object_id[seen]
        num_right, num_seen = num_right + same[~hidden].sum(), num_seen + (~hidden).sum()
        assert hidden.mean() < 0.2
    assert num_seen > 5000
    assert num_right >= 0.98 * num_seen


def test_points_on_moving_agents_lie_where_they_were_hit(keyframe: Keyframe) -> None:
    lidar2world = keyframe.pose(LIDAR, TIME)
    points = transform_points(keyframe.sweep.points[:, :3].astype(float), lidar2world)
    inside: list[bool] = []
    inside_at_the_end: list[bool] = []
    for number, agent in enumerate(keyframe.scene.agents):
        own = points[keyframe.sweep.object_id == keyframe.scene.first_agent_id + number]
        if not agent.speed:
            continue
        for point in own:
            seen_from = invert_rigid(keyframe.scene.ego2world(TIME)) @ [*point, 1.0]
            seen_from = seen_from[:3] - keyframe.calibration.sensor2ego[LIDAR][:3, 3]
            # A clockwise sweep of 50 ms, which ends at a heading of 108 degrees.
            share = (108 - np.rad2deg(np.arctan2(seen_from[1], seen_from[0]))) % 360 / 360
            for time, result in (
                (TIME - 0.05 * (1 - share), inside),
                (TIME, inside_at_the_end),
            ):
                local = transform_points(point[None], invert_rigid(agent.pose(time)))[0]
                result.append((np.abs(local) <= np.array(agent.size) / 2 + 0.02).all())
    assert len(inside) > 200
    assert np.mean(inside) > 0.998
    assert np.mean(inside_at_the_end) < np.mean(inside) - 0.01


def test_points_lie_on_the_surface_that_a_ray_hits(keyframe: Keyframe) -> None:
    # The ray from the final pose of the sensor to a point hits that point's surface.
    lidar2world = keyframe.pose(LIDAR, TIME)
    snapshot = keyframe.caster.at(TIME)
    points = transform_points(keyframe.sweep.points[:, :3].astype(float), lidar2world)
    rays = points - lidar2world[:3, 3]
    away = np.linalg.norm(rays, axis=1)
    hits = snapshot.cast(lidar2world[:3, 3], rays / away[:, None])
    cos = np.abs((hits.normal * rays / away[:, None]).sum(axis=1))
    near = np.abs(hits.distance - away) * cos < 0.1
    assert near.mean() > 0.97


def test_agents_keep_their_speed(keyframe: Keyframe) -> None:
    for agent in keyframe.scene.agents:
        moved = agent.pose(TIME + 0.5)[:3, 3] - agent.pose(TIME)[:3, 3]
        # On a curve the chord is shorter than the arc.
        assert np.linalg.norm(moved) == pytest.approx(0.5 * agent.speed, rel=0.06, abs=1e-9)


def test_agents_never_touch_the_ego_vehicle(keyframe: Keyframe) -> None:
    for time in np.arange(0, SETTINGS.duration, 0.5):
        ego = keyframe.scene.ego2world(time)[:2, 3]
        for agent in keyframe.scene.agents:
            gap = np.linalg.norm(agent.pose(time)[:2, 3] - ego)
            assert gap > (min(agent.size[:2]) + 2.0) / 2


def test_rings_have_the_elevations_of_a_velodyne(keyframe: Keyframe) -> None:
    points, ring = keyframe.sweep.points[:, :3].astype(float), keyframe.sweep.points[:, 4]
    elevation = np.rad2deg(np.arctan2(points[:, 2], np.hypot(points[:, 0], points[:, 1])))
    means = [np.median(elevation[ring == i]) for i in range(4, SETTINGS.beams)]
    expected = np.linspace(-30.67, 10.67, SETTINGS.beams)[4:]
    np.testing.assert_allclose(means, expected, atol=0.25)


def test_range_grazing_incidence_and_rain_reduce_returns() -> None:
    def share(distance: float, cos: float, name: str) -> float:
        rng = np.random.default_rng(0)
        count = 4000
        flat = np.zeros((count, 3), np.float32)
        asphalt = np.full(count, MATERIAL_INDEX["asphalt"])
        away = np.full(count, distance)
        hits = Hits(away.astype(np.float32), asphalt, asphalt, flat, flat, flat, flat)
        weather = make_weather(name, rng)
        return float(_returns(hits, np.full(count, cos), away, weather, rng).mean())

    assert share(10, 1.0, "day") > 0.95
    assert share(10, 1.0, "day") > share(40, 1.0, "day") > share(80, 1.0, "day") > 0.1
    assert share(40, 1.0, "day") > share(40, 0.1, "day") + 0.1
    assert share(40, 1.0, "day") > share(40, 1.0, "rain") + 0.05
    assert share(120, 1.0, "day") == 0


def test_intensity_differs_by_material(keyframe: Keyframe) -> None:
    categories = keyframe.scene.categories[keyframe.sweep.object_id]
    values = keyframe.sweep.points[:, 3]
    road = np.median(values[categories == "flat.driveable_surface"])
    walls = np.median(values[categories == "static.manmade"])
    assert 0 < road < walls
    assert values.min() >= 0
    assert values.max() <= 255
