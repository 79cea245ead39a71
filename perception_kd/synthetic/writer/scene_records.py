"""Records of one synthetic scene in the tables."""

from dataclasses import dataclass

from perception_kd.datasets.nuscenes.json_records import Record
from perception_kd.synthetic.sensors.calibration import LIDAR, VehicleCalibration
from perception_kd.synthetic.world.scene import Scene
from perception_kd.synthetic.world.settings import (
    KEYFRAME_PERIOD_S,
    SYNTHETIC_VERSION,
    SyntheticSettings,
)
from perception_kd.synthetic.writer.tables import (
    Tables,
    empty_tables,
    link,
    make_token,
    translation_rotation,
)

_START_US = 1_533_151_603_500_000
_SCENE_US = 100_000_000


@dataclass(frozen=True)
class Capture:
    """One recording of a sensor.

    Attributes:
        channel: Channel of the sensor.
        keyframe: Index of the sample that the capture belongs to.
        time: Time in s after the first keyframe.
        back: Number of sweeps until the keyframe; 0 is the keyframe itself.
    """

    channel: str
    keyframe: int
    time: float
    back: int = 0


class SceneRecords:
    """Tables of one scene.

    Args:
        scene: The scene.
        settings: Settings of the data set.
        number: Number of the scene.
        calibration: Calibration of its sensors.

    Attributes:
        tables: Records by table; at first those of the scene, its log, its samples and
            its calibration.
        times: Times of the keyframes in s after the first one.
        samples: Tokens of the keyframes.
    """

    def __init__(
        self,
        scene: Scene,
        settings: SyntheticSettings,
        number: int,
        calibration: VehicleCalibration,
    ) -> None:
        self._scene, self._settings, self._number = scene, settings, number
        self._calibration = calibration
        self.tables: Tables = empty_tables()
        self.times = [i * KEYFRAME_PERIOD_S for i in range(settings.keyframes)]
        self.samples = [make_token(scene.name, "sample", i) for i in range(settings.keyframes)]
        self._add_heading()

    def _add_heading(self) -> None:
        name = self._scene.name
        scene, log = make_token("scene", name), make_token("log", name)
        weather, layout = self._scene.weather.name, self._scene.street.layout
        self.tables["log"].append(
            {
                "token": log,
                "logfile": f"synthetic-{name}",
                "vehicle": "synthetic",
                "date_captured": "2018-08-01",
                "location": self._scene.location,
            }
        )
        self.tables["scene"].append(
            {
                "token": scene,
                "log_token": log,
                "nbr_samples": len(self.samples),
                "first_sample_token": self.samples[0],
                "last_sample_token": self.samples[-1],
                "name": name,
                "description": f"Synthetic, {layout}, {weather}",
            }
        )
        self.tables["sample"] += link(
            [
                {"token": token, "timestamp": self._timestamp(time), "scene_token": scene}
                for token, time in zip(self.samples, self.times, strict=True)
            ]
        )
        for channel, sensor2ego in self._calibration.sensor2ego.items():
            cam2img = self._calibration.cam2img.get(channel)
            self.tables["calibrated_sensor"].append(
                {
                    "token": make_token(name, "calibrated_sensor", channel),
                    "sensor_token": make_token("sensor", channel),
                    "camera_intrinsic": [] if cam2img is None else cam2img.tolist(),
                    **translation_rotation(sensor2ego),
                }
            )

    def _timestamp(self, time: float) -> int:
        return _START_US + self._number * _SCENE_US + round(time * 1e6)

    def add_labels(self, token: str) -> str:
        """Add the point labels of a sweep; return the name of their file."""
        filename = f"lidarseg/{SYNTHETIC_VERSION}/{token}_lidarseg.bin"
        record = {"token": token, "sample_data_token": token, "filename": filename}
        self.tables["lidarseg"].append(record)
        return filename

    def add_capture(self, capture: Capture) -> Record:
        """Add the recording of a sensor and its pose; return its record."""
        name, channel = self._scene.name, capture.channel
        timestamp = self._timestamp(capture.time)
        token = make_token(name, channel, timestamp)
        ego2global = self._scene.world2global @ self._scene.ego2world(capture.time)
        pose = {"token": token, "timestamp": timestamp, **translation_rotation(ego2global)}
        self.tables["ego_pose"].append(pose)
        folder = "sweeps" if capture.back else "samples"
        is_lidar = channel == LIDAR
        ending = "pcd.bin" if is_lidar else "jpg"
        record = {
            "token": token,
            "sample_token": self.samples[capture.keyframe],
            "ego_pose_token": token,
            "calibrated_sensor_token": make_token(name, "calibrated_sensor", channel),
            "timestamp": timestamp,
            "fileformat": "pcd" if is_lidar else "jpg",
            "is_key_frame": capture.back == 0,
            "height": 0 if is_lidar else self._settings.height,
            "width": 0 if is_lidar else self._settings.width,
            "filename": f"{folder}/{channel}/synthetic-{name}__{channel}__{timestamp}.{ending}",
        }
        self.tables["sample_data"].append(record)
        return record
