"""Checks of the entries of an info file, without reading any other file."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from perception_kd.datasets.info_parsing import parse_boxes, parse_sample
from perception_kd.doctor.finding import Fault, Kind, Level
from perception_kd.doctor.infos import Info
from perception_kd.structures import Array, InfoEntry

AREA = "calibration and times"
_REMAKE = "correct the tables of the data set, then make the info files again"
_RIGID_TOLERANCE = 2e-3  # matrices may be in single precision
_MAX_CAMERA_LAG_S = 0.2
_MAX_SWEEP_LAG_S = 3.0
_MAX_SPEED = 100.0  # m/s, of the ego vehicle
_LAST_S = 4.1e9  # in 2100; the clocks of some data sets begin at 0
_MIN_UP = 0.5  # cosine
_OFF_CENTER = 0.25  # of the size of the image

KINDS = {
    "entry": Kind(Level.ERROR, "info file", "entries cannot be read", _REMAKE),
    "rigid": Kind(Level.ERROR, AREA, "matrices are not rigid transforms", _REMAKE),
    "intrinsics": Kind(Level.ERROR, AREA, "camera matrices are impossible", _REMAKE),
    "off center": Kind(
        Level.WARNING,
        AREA,
        "camera matrices do not fit their images",
        "check that cam2img is for images of this size: scale it as the images were scaled",
    ),
    "upright": Kind(
        Level.WARNING,
        AREA,
        "cameras are not upright",
        "check that lidar2cam leads from the LiDAR to axes x right, y down, z forward",
    ),
    "same pose": Kind(
        Level.WARNING, AREA, "samples have cameras in one place", "check the calibration tables"
    ),
    "time": Kind(Level.ERROR, AREA, "times are impossible", "give times in s"),
    "order": Kind(
        Level.WARNING, AREA, "samples are not in the order of their times", "sort the samples"
    ),
    "lag": Kind(
        Level.WARNING,
        AREA,
        "times do not fit the sample's",
        "check the unit and the clock of the timestamps",
    ),
    "speed": Kind(
        Level.WARNING,
        AREA,
        "sweeps are impossibly far from their sample",
        "check ego poses and timestamps",
    ),
    "box": Kind(Level.ERROR, "boxes", "boxes are impossible", "correct or remove them"),
}


def check_entries(info: Info) -> Iterator[Fault]:
    """Yield the faults of all entries of an info file."""
    last: dict[str, float] = {}
    for index, sample in enumerate(info.samples):
        where = f"{info.source.path}, data_list[{index}]"
        try:
            # All faults of one entry, or what keeps them from being found.
            yield from list(_check_entry(sample, info.metainfo, where))
            time, scene = float(sample["lidar_points"]["timestamp"]), str(sample["scene_name"])
        except Exception as error:
            yield Fault("entry", where, f"{type(error).__name__}: {error}")
            continue
        if time <= last.get(scene, -np.inf):
            yield Fault("order", where, f"It is not later than the sample before it in {scene}.")
        last[scene] = time


def _check_entry(raw: InfoEntry, metainfo: dict[str, Any], where: str) -> Iterator[Fault]:
    parse_sample(raw, metainfo)  # as training reads it
    lidar = raw["lidar_points"]
    time = float(lidar["timestamp"])
    yield from _check_time(time, f"{where}.lidar_points")
    for name in ("lidar2ego", "ego2global"):
        yield from _check_rigid(lidar[name], f"{where}.lidar_points.{name}")
    poses: dict[bytes, str] = {}
    for name, view in raw["images"].items():
        field = f"{where}.images.{name}"
        yield from check_view(view, time, field)
        other = poses.setdefault(np.asarray(view["lidar2cam"], float).tobytes(), name)
        if other != name:
            yield Fault("same pose", field, f"lidar2cam is that of {other}.")
    for number, sweep in enumerate(raw.get("lidar_sweeps", [])):
        yield from check_sweep(sweep, time, f"{where}.lidar_sweeps[{number}]")
    for name, views in (raw.get("camera_sweeps") or {}).items():
        for number, view in enumerate(views):
            field = f"{where}.camera_sweeps.{name}[{number}].lidar2cam"
            yield from _check_rigid(view["lidar2cam"], field)
    yield from check_boxes(raw.get("instances", []), where)


def check_view(view: Mapping[str, Any], time: float, where: str) -> Iterator[Fault]:
    """Yield the faults of an image of an entry.

    Args:
        view: Entry of the image.
        time: Time of the sample in s.
        where: File and field, for the faults.
    """
    faults = list(_check_rigid(view["lidar2cam"], f"{where}.lidar2cam"))
    yield from faults or _check_upright(np.asarray(view["lidar2cam"], float), f"{where}.lidar2cam")
    cam2img = np.asarray(view["cam2img"], float)
    if cam2img.shape != (3, 3) or not np.isfinite(cam2img).all():
        yield Fault("intrinsics", f"{where}.cam2img", f"It must be 3x3 and finite: {cam2img}.")
    elif cam2img[0, 0] <= 0 or cam2img[1, 1] <= 0 or not np.allclose(cam2img[2], [0, 0, 1]):
        what = f"It must have positive focal lengths and the last row 0 0 1: {cam2img.tolist()}."
        yield Fault("intrinsics", f"{where}.cam2img", what)
    elif "width" in view and "height" in view:
        size = np.array([view["width"], view["height"]], float)
        center = cam2img[:2, 2]
        if (np.abs(center - size / 2) > _OFF_CENTER * size).any():
            what = (
                f"Its principal point ({center[0]:.0f}, {center[1]:.0f}) is far from the center of "
                f"an image of {view['width']}x{view['height']} px."
            )
            yield Fault("off center", f"{where}.cam2img", what)
    lag = abs(float(view.get("timestamp", time)) - time)
    if not lag <= _MAX_CAMERA_LAG_S:
        what = f"The image is {lag:.3g} s away from the sweep of its sample."
        yield Fault("lag", f"{where}.timestamp", what)


def check_sweep(sweep: Mapping[str, Any], time: float, where: str) -> Iterator[Fault]:
    """Yield the faults of an earlier sweep of an entry.

    Args:
        sweep: Entry of the sweep.
        time: Time of the sample in s.
        where: File and field, for the faults.
    """
    faults = list(_check_rigid(sweep["sweep2lidar"], f"{where}.sweep2lidar"))
    yield from faults
    lag = time - float(sweep["timestamp"])
    if not 0 < lag <= _MAX_SWEEP_LAG_S:
        what = f"The sweep is {lag:.3g} s earlier than its sample, not 0 to {_MAX_SWEEP_LAG_S:g} s."
        yield Fault("lag", f"{where}.timestamp", what)
    elif not faults:
        distance = float(np.linalg.norm(np.asarray(sweep["sweep2lidar"], float)[:3, 3]))
        if distance > max(_MAX_SPEED * lag, 1.0):
            what = f"The ego vehicle moved {distance:.1f} m in {lag:.3g} s."
            yield Fault("speed", f"{where}.sweep2lidar", what)


def check_boxes(raw: Sequence[InfoEntry], where: str) -> Iterator[Fault]:
    """Yield the faults of the boxes of an entry.

    Args:
        raw: ``instances`` of the entry.
        where: File and field, for the faults.
    """
    boxes = parse_boxes(raw, {})["bboxes_3d"] if raw else np.zeros((0, 9))
    stored = np.array([box.get("velocity", (0.0, 0.0)) for box in raw], float).reshape(-1, 2)
    for number, box in enumerate(boxes):
        field = f"{where}.instances[{number}]"
        if not np.isfinite(box[:7]).all() or np.isinf(stored[number]).any():
            what = f"It is not finite: {box[:7].tolist()}, velocity {stored[number].tolist()}."
            yield Fault("box", field, what)
        elif (box[3:6] <= 0).any():
            yield Fault("box", field, f"Its size is {box[3:6].round(2).tolist()} m.")


def _check_upright(lidar2cam: Array, where: str) -> Iterator[Fault]:
    up = -lidar2cam[1, 2]  # of the LiDAR's z axis, along the image's upward axis
    if up < _MIN_UP:
        is_inverse = -lidar2cam[2, 1] >= _MIN_UP
        guess = "; perhaps it is stored the other way round, as cam2lidar" if is_inverse else ""
        what = f"Up of the LiDAR is not up in the image (cosine {up:.2f}){guess}."
        yield Fault("upright", where, what)


def _check_time(time: float, where: str) -> Iterator[Fault]:
    if not np.isfinite(time):
        yield Fault("time", f"{where}.timestamp", f"It is {time}.")
    elif time > _LAST_S:
        unit = "ms" if time < 1e14 else "us" if time < 1e17 else "ns"
        yield Fault("time", f"{where}.timestamp", f"{time:.0f} is no time in s, perhaps in {unit}.")


def _check_rigid(matrix: Any, where: str) -> Iterator[Fault]:
    values: Array = np.asarray(matrix, float)
    if values.shape != (4, 4):
        yield Fault("rigid", where, f"It must have shape (4, 4), but got {values.shape}.")
        return
    rotation = values[:3, :3]
    if not np.isfinite(values).all():
        yield Fault("rigid", where, "It has NaN or infinity.")
    elif not np.allclose(values[3], [0, 0, 0, 1], atol=1e-6):
        yield Fault("rigid", where, f"Its last row must be 0 0 0 1, but got {values[3].tolist()}.")
    elif not np.allclose(rotation @ rotation.T, np.eye(3), atol=_RIGID_TOLERANCE):
        size = np.linalg.norm(rotation, axis=1).round(3).tolist()
        what = f"Its rotation is not orthonormal; its rows have length {size}."
        yield Fault("rigid", where, what)
    elif np.linalg.det(rotation) < 0:
        yield Fault("rigid", where, "Its rotation mirrors.")
