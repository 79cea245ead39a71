"""Sensor files of one scene."""

from functools import partial
from pathlib import Path

import cv2
import numpy as np

from perception_kd.datasets.nuscenes.json_records import Record
from perception_kd.datasets.nuscenes.labels import NUSCENES_CATEGORIES
from perception_kd.geometry.rigid import invert_rigid
from perception_kd.io.atomic import write_whole
from perception_kd.io.images import write_image
from perception_kd.structures import Array
from perception_kd.synthetic.sensors.calibration import (
    CAMERAS,
    LIDAR,
    SENSORS,
    VehicleCalibration,
    mount_sensors,
)
from perception_kd.synthetic.sensors.camera import render_image
from perception_kd.synthetic.sensors.lidar import RenderedSweep, scan
from perception_kd.synthetic.sensors.rays import RayCaster
from perception_kd.synthetic.world.scene import Scene, make_scene
from perception_kd.synthetic.world.settings import KEYFRAME_PERIOD_S, SyntheticSettings
from perception_kd.synthetic.writer.annotations import (
    count_points_on,
    make_tracks,
    pose_when_scanned,
)
from perception_kd.synthetic.writer.scene_records import Capture, SceneRecords
from perception_kd.synthetic.writer.tables import Tables, link
from perception_kd.synthetic.writer.visibility import VisibilityMeter

_JPEG_QUALITY = 88


class SceneWriter:
    """Writes the sensor files of one scene.

    Args:
        root: Folder of the data set.
        settings: Settings of the data set.
        number: Number of the scene.
    """

    def __init__(self, root: Path, settings: SyntheticSettings, number: int) -> None:
        self._root, self._settings, self._number = root, settings, number
        self.scene: Scene = make_scene(settings, number)
        self._caster = RayCaster(self.scene)
        self._calibration: VehicleCalibration = mount_sensors(
            settings.width, settings.height, self._rng("rig", 0)
        )
        self._records = SceneRecords(self.scene, settings, number, self._calibration)

    def write(self) -> Tables:
        """Write all files and return the records of the scene by table."""
        agents = self.scene.agents
        times = self._records.times
        poses = [
            [
                pose_when_scanned(self.scene, x, self._calibration.sensor2ego[LIDAR], time)
                for x in agents
            ]
            for time in times
        ]
        num_points = self._write_lidar(poses)
        visibility = self._write_images()
        samples = self._records.samples
        tracks = make_tracks(self.scene, times, samples, poses, num_points, visibility)
        return dict(self._records.tables | tracks)

    def _rng(self, channel: str, frame: int) -> np.random.Generator:
        """Return the generator of one frame, independent of all other frames."""
        index = ("rig", *SENSORS).index(channel)
        return np.random.default_rng([self._settings.seed, self._number, index, frame])

    def _write_lidar(self, poses: list[list[Array]]) -> list[list[int]]:
        """Write all sweeps.

        Args:
            poses: Poses of the boxes in the world by keyframe and agent, (4, 4) each.

        Returns:
            Number of points in each box by keyframe and agent.
        """
        step = KEYFRAME_PERIOD_S / (self._settings.sweeps + 1)
        # Sweeps lie between keyframes: none precede the first keyframe of a scene.
        captures = [
            Capture(LIDAR, i, time - back * step, back)
            for i, time in enumerate(self._records.times)
            for back in range(self._settings.sweeps if i else 0, -1, -1)
        ]
        num_points = []
        records = []
        for number, capture in enumerate(captures):
            sweep = self._scan(capture, self._rng(LIDAR, number))
            records.append(self._records.add_capture(capture))
            write_whole(self._root / records[-1]["filename"], sweep.points.tobytes())
            if capture.back == 0:
                self._write_labels(records[-1]["token"], sweep)
                num_points.append(self._count(capture, sweep, poses[capture.keyframe]))
        link(records)
        return num_points

    def _scan(self, capture: Capture, rng: np.random.Generator) -> RenderedSweep:
        mount = self._calibration.sensor2ego[LIDAR]
        return scan(
            lambda time: self._caster.at(capture.time + time),
            self.scene.weather,
            partial(self._sensor2world, LIDAR, capture.time),
            mount,
            self._settings.beams,
            self._settings.azimuths,
            rng,
        )

    def _sensor2world(self, channel: str, time: float, offset: float = 0.0) -> Array:
        return self.scene.ego2world(time + offset) @ self._calibration.sensor2ego[channel]

    def _write_labels(self, token: str, sweep: RenderedSweep) -> None:
        index = {name: i for i, name in enumerate(NUSCENES_CATEGORIES)}
        labels = np.array([index[name] for name in self.scene.categories], np.uint8)
        path = self._root / self._records.add_labels(token)
        write_whole(path, labels[sweep.object_id].tobytes())

    def _count(self, capture: Capture, sweep: RenderedSweep, poses: list[Array]) -> list[int]:
        world2lidar = invert_rigid(self._sensor2world(LIDAR, capture.time))
        points = sweep.points[:, :3].astype(float)
        return [
            count_points_on(points, agent, world2lidar @ pose)
            for agent, pose in zip(self.scene.agents, poses, strict=True)
        ]

    def _write_images(self) -> list[list[str]]:
        """Write all images and return the visibility tokens by keyframe and agent."""
        records: dict[str, list[Record]] = {name: [] for name in CAMERAS}
        visibility = []
        for number, time in enumerate(self._records.times):
            meter = VisibilityMeter(self.scene, time)
            for name in CAMERAS:
                records[name].append(self._write_image(name, number, time, meter))
            visibility.append(meter.tokens())
        for sequence in records.values():
            link(sequence)
        return visibility

    def _write_image(self, name: str, number: int, time: float, meter: VisibilityMeter) -> Record:
        capture = Capture(name, number, time + CAMERAS[name].delay)
        snapshot = self._caster.at(capture.time)
        view = self._sensor2world(name, capture.time), self._calibration.cam2img[name]
        size = (self._settings.height, self._settings.width)
        rendered = render_image(snapshot, self.scene.weather, *view, size, self._rng(name, number))
        meter.add_view(snapshot, capture.time, *view, size)
        record = self._records.add_capture(capture)
        path = self._root / record["filename"]
        write_image(path, rendered.image, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
        return record
