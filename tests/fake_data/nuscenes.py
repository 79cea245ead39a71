"""A fake nuScenes tree that nuscenes-devkit opens."""

import hashlib
import json
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from perception_kd.datasets.nuscenes.labels import NUSCENES_CATEGORIES
from perception_kd.synthetic.world.poses import pose_matrix
from perception_kd.synthetic.writer.names import (
    ATTRIBUTES,
    VISIBILITIES,
)
from perception_kd.synthetic.writer.tables import translation_rotation
from tests.fake_data.poses import ego2street
from tests.fake_data.street import Street, Thing, intensities, render_image, scan

Array = NDArray[np.float64]

SCENES = {
    "v1.0-mini": ["scene-0061", "scene-0103", "scene-0553", "scene-0916", "scene-0655"],
    "v1.0-trainval": ["scene-0001", "scene-0003", "scene-0002", "scene-0012", "scene-0004"],
    "v1.0-test": ["scene-0077", "scene-0078", "scene-0079"],
}
# Heading in degrees, counter-clockwise from x of ego coordinates; lag in s (negative:
# before the LiDAR).
CAMERAS = {
    "CAM_FRONT": (0.0, -0.0350),
    "CAM_FRONT_RIGHT": (-55.0, -0.0274),
    "CAM_FRONT_LEFT": (55.0, -0.0430),
    "CAM_BACK": (180.0, -0.0100),
    "CAM_BACK_LEFT": (110.0, -0.0002),
    "CAM_BACK_RIGHT": (-110.0, -0.0195),
}
LIDARSEG_OF_KIND = {
    "road": "flat.driveable_surface",
    "sidewalk": "flat.sidewalk",
    "terrain": "flat.terrain",
    "building": "static.manmade",
    "trunk": "static.vegetation",
    "car": "vehicle.car",
    "truck": "vehicle.truck",
    "person": "human.pedestrian.adult",
}
ANNOTATED = {"car": "vehicle.car", "truck": "vehicle.truck", "person": "human.pedestrian.adult"}
KEYFRAME_PERIOD_S = 0.5
NUM_RINGS = 32


@dataclass(frozen=True)
class Settings:
    """Arguments of ``make_nuscenes``."""

    root: Path
    version: str
    samples_per_scene: int
    sweeps: int
    img_size: tuple[int, int]
    num_azimuths: int
    lidarseg: bool
    annotations: bool


@dataclass
class Drive:
    """State of a scene that is being written."""

    name: str
    street: Street
    street2global: Array
    start_us: int
    rng: np.random.Generator
    sensor_tokens: dict[str, str] = field(default_factory=dict)
    sensor2ego: dict[str, Array] = field(default_factory=dict)


Tables = defaultdict[str, list[dict[str, Any]]]


def make_nuscenes(
    root: str | Path,
    num_scenes: int = 2,
    samples_per_scene: int = 2,
    sweeps: int = 1,
    img_size: tuple[int, int] = (90, 160),
    *,
    version: str = "v1.0-mini",
    lidarseg: bool = True,
    annotations: bool = True,
    num_azimuths: int = 240,
    seed: int = 0,
) -> Path:
    """Write a small tree of tables, sweeps and images.

    Scenes alternate between the training and the validation split of the version. The
    vehicle drives at 5 m/s through a curve, so that errors in its motion are visible.

    Args:
        root: Folder to create.
        num_scenes: Number of scenes, at most the length of ``SCENES[version]``.
        samples_per_scene: Keyframes per scene, 0.5 s apart.
        sweeps: LiDAR and camera sweeps between two keyframes.
        img_size: Height and width in px.
        version: Name of the table folder: v1.0-mini, v1.0-trainval or v1.0-test.
        lidarseg: Whether to write point labels and their 32 categories.
        annotations: Whether to write boxes; v1.0-test has none.
        num_azimuths: Columns per sweep; a sweep has up to 32 times as many points.
        seed: Random seed; the same seed gives the same tree.

    Returns:
        ``root``.
    """
    settings = Settings(
        Path(root),
        version,
        samples_per_scene,
        sweeps,
        img_size,
        num_azimuths,
        lidarseg and version != "v1.0-test",
        annotations and version != "v1.0-test",
    )
    tables: Tables = defaultdict(list)
    _write_folders(settings)
    _add_vocabulary(tables, settings)
    for number, name in enumerate(SCENES[version][:num_scenes]):
        _add_scene(tables, settings, name, np.random.default_rng([seed, number]), number)
    _write_tables(tables, settings)
    return settings.root


def _token(*parts: object) -> str:
    return hashlib.md5("/".join(map(str, parts)).encode()).hexdigest()


def _write_folders(settings: Settings) -> None:
    for folder in ("samples", "sweeps"):
        for channel in ("LIDAR_TOP", *CAMERAS):
            (settings.root / folder / channel).mkdir(parents=True, exist_ok=True)
    (settings.root / "maps").mkdir(exist_ok=True)
    (settings.root / settings.version).mkdir()
    if settings.lidarseg:
        (settings.root / "lidarseg" / settings.version).mkdir(parents=True)


def _add_vocabulary(tables: Tables, settings: Settings) -> None:
    names = NUSCENES_CATEGORIES if settings.lidarseg else NUSCENES_CATEGORIES[1:24]
    for index, name in enumerate(names):
        record: dict[str, Any] = {"token": _token("category", name), "name": name}
        record |= {"description": name} | ({"index": index} if settings.lidarseg else {})
        tables["category"].append(record)
    for name in ATTRIBUTES:
        record = {"token": _token("attribute", name), "name": name, "description": name}
        tables["attribute"].append(record)
    for token, level in VISIBILITIES.items():
        tables["visibility"].append({"token": token, "level": level, "description": level})
    for channel in ("LIDAR_TOP", *CAMERAS):
        modality = "lidar" if channel == "LIDAR_TOP" else "camera"
        token = _token("sensor", channel)
        tables["sensor"].append({"token": token, "channel": channel, "modality": modality})
    for name in ("instance", "sample_annotation"):
        tables[name] = []


def _add_scene(
    tables: Tables, settings: Settings, name: str, rng: np.random.Generator, number: int
) -> None:
    street2global = pose_matrix(
        0.4 + 1.1 * number, (600.0 + 150 * number, 1600.0 - 200 * number, 0.0)
    )
    drive = Drive(name, Street(rng), street2global, 1533151603500000 + number * 10**8, rng)
    _add_log_and_map(tables, settings, name)
    _add_calibration(tables, settings, drive)
    tokens = [_token(name, "sample", i) for i in range(settings.samples_per_scene)]
    tables["scene"].append(
        {
            "token": _token("scene", name),
            "log_token": _token("log", name),
            "nbr_samples": len(tokens),
            "first_sample_token": tokens[0],
            "last_sample_token": tokens[-1],
            "name": name,
            "description": "Fake street",
        }
    )
    for i, (token, prev, following) in enumerate(_linked(tokens)):
        tables["sample"].append(
            {
                "token": token,
                "timestamp": _microseconds(drive, i * KEYFRAME_PERIOD_S),
                "scene_token": _token("scene", name),
                "prev": prev,
                "next": following,
            }
        )
    surfaces = _add_lidar(tables, settings, drive, tokens)
    for camera, (_, lag) in CAMERAS.items():
        _add_camera(tables, settings, drive, tokens, camera, lag)
    if settings.annotations:
        for index, thing in enumerate(drive.street.things):
            if thing.kind in ANNOTATED:
                counts = [int((surface == 3 + index).sum()) for surface in surfaces]
                _add_track(tables, drive, tokens, index, thing, counts)


def _add_log_and_map(tables: Tables, settings: Settings, name: str) -> None:
    log = {"logfile": name, "vehicle": "n008", "date_captured": "2018-08-01"}
    tables["log"].append({"token": _token("log", name), "location": "boston-seaport", **log})
    token = _token("map")
    if not tables["map"]:
        filename = f"maps/{token}.png"
        Image.new("L", (20, 20), 255).save(settings.root / filename)
        record = {"token": token, "category": "semantic_prior", "filename": filename}
        tables["map"].append({**record, "log_tokens": []})
    tables["map"][0]["log_tokens"].append(_token("log", name))


def _add_calibration(tables: Tables, settings: Settings, drive: Drive) -> None:
    height, width = settings.img_size
    focal = 1266.4 / 1600 * width * drive.rng.uniform(0.98, 1.02)
    cam2img = [[focal, 0.0, 0.51 * width], [0.0, focal, 0.545 * height], [0.0, 0.0, 1.0]]
    sensors: dict[str, tuple[Array, list[list[float]]]] = {}
    tilt = drive.rng.normal(0, 0.01, 3)
    sensors["LIDAR_TOP"] = (pose_matrix(-np.pi / 2, (0.94, 0.0, 1.84), tilt), [])
    for camera, (heading_deg, _) in CAMERAS.items():
        heading = np.deg2rad(heading_deg)
        forward = pose_matrix(heading, (1.0 + 0.7 * np.cos(heading), 0.6 * np.sin(heading), 1.5))
        # Axes of the camera (right, down, ahead) in those of a body that looks along x.
        axes = np.array([[0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1.0]])
        tilted = pose_matrix(0.0, (0.0, 0.0, 0.0), drive.rng.normal(0, 0.01, 3))
        sensors[camera] = (forward @ axes @ tilted, cam2img)
    for channel, (sensor2ego, intrinsic) in sensors.items():
        token = _token(drive.name, "calibrated_sensor", channel)
        drive.sensor_tokens[channel], drive.sensor2ego[channel] = token, sensor2ego
        tables["calibrated_sensor"].append(
            {
                "token": token,
                "sensor_token": _token("sensor", channel),
                "camera_intrinsic": intrinsic,
                **translation_rotation(sensor2ego),
            }
        )


def _add_lidar(
    tables: Tables, settings: Settings, drive: Drive, samples: list[str]
) -> list[NDArray[np.int64]]:
    """Write all sweeps; return the surface of each point by keyframe."""
    keyframes = []
    for record in _sensor_records(settings, drive, samples, "LIDAR_TOP", 0.0, "pcd.bin"):
        time = _seconds(drive, record["timestamp"])
        lidar2street = ego2street(time) @ drive.sensor2ego["LIDAR_TOP"]
        elevations = np.deg2rad(np.linspace(-30.67, 10.67, NUM_RINGS))
        points, ring, surface, kinds = scan(
            drive.street, lidar2street, elevations, settings.num_azimuths, time
        )
        rows = np.column_stack([points, 255 * intensities(kinds, drive.rng), ring])
        rows.astype(np.float32).tofile(settings.root / record["filename"])
        _add_sample_data(tables, drive, record, "LIDAR_TOP", "pcd", (0, 0))
        if record["is_key_frame"]:
            keyframes.append(surface)
            if settings.lidarseg:
                _add_lidarseg(tables, settings, record["token"], kinds)
    return keyframes


def _add_lidarseg(tables: Tables, settings: Settings, token: str, kinds: NDArray[np.str_]) -> None:
    filename = f"lidarseg/{settings.version}/{token}_lidarseg.bin"
    index = {kind: NUSCENES_CATEGORIES.index(name) for kind, name in LIDARSEG_OF_KIND.items()}
    np.array([index[kind] for kind in kinds], np.uint8).tofile(settings.root / filename)
    record = {"token": token, "sample_data_token": token, "filename": filename}
    tables["lidarseg"].append(record)


def _add_camera(
    tables: Tables, settings: Settings, drive: Drive, samples: list[str], camera: str, lag: float
) -> None:
    calibration = next(
        x for x in tables["calibrated_sensor"] if x["token"] == drive.sensor_tokens[camera]
    )
    cam2img = np.array(calibration["camera_intrinsic"])
    for record in _sensor_records(settings, drive, samples, camera, lag, "jpg"):
        time = _seconds(drive, record["timestamp"])
        cam2street = ego2street(time) @ drive.sensor2ego[camera]
        img = render_image(drive.street, cam2street, cam2img, settings.img_size, time, drive.rng)
        Image.fromarray(img).save(settings.root / record["filename"], quality=92)
        _add_sample_data(tables, drive, record, camera, "jpg", settings.img_size)


def _sensor_records(
    settings: Settings, drive: Drive, samples: list[str], channel: str, lag: float, ending: str
) -> list[dict[str, Any]]:
    """Return the frames of a sensor as records, linked in time."""
    step = KEYFRAME_PERIOD_S / (settings.sweeps + 1)
    records: list[dict[str, Any]] = []
    for i, sample in enumerate(samples):
        # Sweeps lie between keyframes: none precede the first keyframe of a scene.
        for back in range(settings.sweeps if i else 0, -1, -1):
            timestamp = _microseconds(drive, i * KEYFRAME_PERIOD_S + lag - back * step)
            folder = "sweeps" if back else "samples"
            filename = f"{folder}/{channel}/{drive.name}__{channel}__{timestamp}.{ending}"
            token = _token(drive.name, channel, timestamp)
            records.append({"token": token, "sample_token": sample, "timestamp": timestamp})
            records[-1] |= {"is_key_frame": back == 0, "filename": filename}
    links = _linked([record["token"] for record in records])
    return [
        record | {"prev": prev, "next": following}
        for record, (_, prev, following) in zip(records, links, strict=True)
    ]


def _add_sample_data(
    tables: Tables,
    drive: Drive,
    record: dict[str, Any],
    channel: str,
    fileformat: str,
    img_size: tuple[int, int],
) -> None:
    ego2global = drive.street2global @ ego2street(_seconds(drive, record["timestamp"]))
    pose = {"token": record["token"], "timestamp": record["timestamp"]}
    tables["ego_pose"].append({**pose, **translation_rotation(ego2global)})
    record = record | {"ego_pose_token": record["token"], "fileformat": fileformat}
    record |= {"calibrated_sensor_token": drive.sensor_tokens[channel]}
    tables["sample_data"].append(record | {"height": img_size[0], "width": img_size[1]})


def _add_track(
    tables: Tables, drive: Drive, samples: list[str], index: int, thing: Thing, counts: list[int]
) -> None:
    instance = _token(drive.name, "instance", index)
    tokens = [_token(drive.name, "annotation", index, i) for i in range(len(samples))]
    motion = "moving" if thing.speed else "standing" if thing.kind == "person" else "parked"
    attribute = ("pedestrian." if thing.kind == "person" else "vehicle.") + motion
    tables["instance"].append(
        {
            "token": instance,
            "category_token": _token("category", ANNOTATED[thing.kind]),
            "nbr_annotations": len(tokens),
            "first_annotation_token": tokens[0],
            "last_annotation_token": tokens[-1],
        }
    )
    for i, (token, prev, following) in enumerate(_linked(tokens)):
        thing2street = np.eye(4)
        thing2street[:3, :3] = thing.rotation()
        thing2street[:3, 3] = thing.center(i * KEYFRAME_PERIOD_S)
        length, width, height = thing.size
        record: dict[str, Any] = {"token": token, "sample_token": samples[i]}
        record["instance_token"] = instance
        record |= {"visibility_token": "4" if counts[i] > 20 else "1"}
        record |= {"attribute_tokens": [_token("attribute", attribute)]}
        record |= {"size": [width, length, height], "prev": prev, "next": following}
        record |= {"num_lidar_pts": counts[i], "num_radar_pts": 0}
        record |= translation_rotation(drive.street2global @ thing2street)
        tables["sample_annotation"].append(record)


def _write_tables(tables: Tables, settings: Settings) -> None:
    for name, records in tables.items():
        path = settings.root / settings.version / f"{name}.json"
        path.write_text(json.dumps(records, indent=0))


def _microseconds(drive: Drive, time: float) -> int:
    return drive.start_us + round(time * 1e6)


def _seconds(drive: Drive, timestamp: int) -> float:
    return (timestamp - drive.start_us) / 1e6


def _linked(tokens: list[str]) -> list[tuple[str, str, str]]:
    """Return each token with its predecessor and successor; "" if there is none."""
    return list(zip(tokens, ["", *tokens[:-1]], [*tokens[1:], ""], strict=True))
