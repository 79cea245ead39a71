"""Choice of the LiDAR and the cameras of a data set from its sensor table."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from perception_kd.datasets.nuscenes.json_records import Record
from perception_kd.datasets.nuscenes.table_fields import complete_record, describe
from perception_kd.io.names import safe_name

NUSCENES_LIDAR = "LIDAR_TOP"
# In the order of mmdet3d's converter.
NUSCENES_CAMERAS = (
    "CAM_FRONT",
    "CAM_FRONT_RIGHT",
    "CAM_FRONT_LEFT",
    "CAM_BACK",
    "CAM_BACK_LEFT",
    "CAM_BACK_RIGHT",
)


@dataclass(frozen=True)
class Sensors:
    """Sensors that are converted.

    Attributes:
        lidar: Channel of the LiDAR.
        cameras: Channels of the cameras, in the order of the info files.
        left_out: Channels of all other sensors.
    """

    lidar: str
    cameras: tuple[str, ...]
    left_out: tuple[str, ...]

    @property
    def channels(self) -> tuple[str, ...]:
        """Channels of all converted sensors."""
        return (self.lidar, *self.cameras)


def choose_sensors(
    folder: Path,
    records: Sequence[Record],
    lidar: str | None = None,
    cameras: Sequence[str] | None = None,
) -> Sensors:
    """Choose the sensors to convert.

    Args:
        folder: Folder of the tables.
        records: Records of the sensor table.
        lidar: Channel of the LiDAR; None means nuScenes' or, without it, the only one.
        cameras: Channels of the cameras; None means all sensors whose modality is
            "camera", nuScenes' first.

    Raises:
        ValueError: If a channel does not exist, has another modality or belongs to two
            sensors, or there is no LiDAR or more than one to choose from.
    """
    by_modality: dict[str, list[str]] = {}
    for record in records:
        complete_record(folder, "sensor", record)
        safe_name(record["channel"], f"{describe(folder, 'sensor', record)} channel")
        channels = by_modality.setdefault(record["modality"].lower(), [])
        channels += [record["channel"]] * (record["channel"] not in channels)
    lidars, present = by_modality.get("lidar", []), by_modality.get("camera", [])
    if lidar is None:
        lidar = _choose_lidar(folder, lidars, by_modality)
    _check_channels(folder, "--lidar", [lidar], lidars)
    if cameras is None:
        known = [name for name in NUSCENES_CAMERAS if name in present]
        cameras = [*known, *(name for name in present if name not in known)]
    _check_channels(folder, "--cameras", cameras, present)
    _check_unique(folder, records, (lidar, *cameras))
    every = [channel for channels in by_modality.values() for channel in channels]
    left_out = tuple(x for x in every if x != lidar and x not in cameras)
    return Sensors(lidar, tuple(cameras), left_out)


def _choose_lidar(folder: Path, lidars: list[str], by_modality: dict[str, list[str]]) -> str:
    if NUSCENES_LIDAR in lidars or len(lidars) == 1:
        return NUSCENES_LIDAR if NUSCENES_LIDAR in lidars else lidars[0]
    if lidars:
        raise ValueError(
            f"{folder / 'sensor.json'} has {len(lidars)} LiDARs, {', '.join(lidars)}; choose one "
            "with --lidar."
        )
    found = ", ".join(f"{name!r}" for name in by_modality) or "no sensor"
    raise ValueError(
        f"{folder / 'sensor.json'} has no sensor whose modality is 'lidar'; it has {found}."
    )


def _check_unique(folder: Path, records: Sequence[Record], used: Sequence[str]) -> None:
    seen = set()
    for record in records:
        channel = record["channel"]
        if channel in seen and channel in used:
            raise ValueError(
                f"{describe(folder, 'sensor', record)} another sensor has the channel {channel!r} "
                "too; make it unique."
            )
        seen.add(channel)


def _check_channels(
    folder: Path, option: str, channels: Sequence[str], present: Sequence[str]
) -> None:
    unknown = [name for name in channels if name not in present]
    if unknown:
        raise ValueError(
            f"{option} names {', '.join(unknown)}, but {folder / 'sensor.json'} has "
            f"{', '.join(present) or 'none'} of this modality."
        )
    if len(set(channels)) < len(channels):
        raise ValueError(f"{option} names a sensor twice: {', '.join(channels)}.")
