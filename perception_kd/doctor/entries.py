"""Checks of the entries of an info file, without reading any other file."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from perception_kd.datasets.info_checks import find_wrong_value
from perception_kd.datasets.info_parsing import parse_boxes, parse_sample
from perception_kd.datasets.vehicle_limits import MAX_SPEED
from perception_kd.doctor.finding import Fault, FaultKind, Level
from perception_kd.structures import Array, InfoEntry, Sample

if TYPE_CHECKING:
    # Worker processes import this module, and that one imports mmengine.
    from perception_kd.doctor.infos import Info

_AREA = "calibration and times"
_REMAKE = "correct the tables of the data set, then make the info files again"
_MAX_CAMERA_LAG_S = 0.2
_MAX_SWEEP_LAG_S = 3.0
_MIN_UP = 0.5  # cosine
_OFF_CENTER = 0.25  # of the size of the image

ENTRY_FAULTS = {
    "entry": FaultKind(Level.ERROR, "info file", "entries cannot be read", _REMAKE),
    "value": FaultKind(Level.ERROR, "info file", "entries have impossible values", _REMAKE),
    "off center": FaultKind(
        Level.WARNING,
        _AREA,
        "camera matrices do not fit their images",
        "check that cam2img is for images of this size: scale it as the images were scaled",
    ),
    "upright": FaultKind(
        Level.WARNING,
        _AREA,
        "cameras are not upright",
        "check that lidar2cam leads from the LiDAR to axes x right, y down, z forward",
    ),
    "same pose": FaultKind(
        Level.WARNING, _AREA, "samples have cameras in one place", "check the calibration tables"
    ),
    "order": FaultKind(
        Level.WARNING, _AREA, "samples are not in the order of their times", "sort the samples"
    ),
    "lag": FaultKind(
        Level.WARNING,
        _AREA,
        "times do not fit the sample's",
        "check the unit and the clock of the timestamps",
    ),
    "speed": FaultKind(
        Level.WARNING,
        _AREA,
        "sweeps are impossibly far from their sample",
        "check ego poses and timestamps",
    ),
}


def check_entries(info: Info) -> Iterator[Fault]:
    """Yield the faults of all entries of an info file."""
    class_of = classes_of(info.metainfo)
    last: dict[str, float] = {}
    for index, raw in enumerate(info.samples):
        where = f"{info.source.path}, data_list[{index}]"
        try:
            sample = parse_entry(raw, info.metainfo, class_of)
        except Exception as error:  # whatever is in the file
            yield Fault("entry", where, f"{type(error).__name__}: {error}.")
            continue
        fault = find_wrong_value([sample])
        if fault is not None:
            yield Fault("value", where, f"{fault.text}.")
            continue
        yield from _check_views(sample, raw, where)
        yield from check_sweeps(sample, where)
        time, scene = sample["timestamp"], sample["scene_name"]
        if time <= last.get(scene, -np.inf):
            yield Fault("order", where, f"It is not later than the sample before it in {scene}.")
        last[scene] = time


def without_broken_entries(info: Info) -> Info:
    """Return an info file without the entries that cannot be read.

    Args:
        info: The info file; :func:`check_entries` names these entries.
    """
    class_of = classes_of(info.metainfo)
    return replace(info, samples=[x for x in info.samples if _is_whole(x, info.metainfo, class_of)])


def _is_whole(raw: InfoEntry, metainfo: Mapping[str, Any], class_of: Mapping[int, int]) -> bool:
    try:
        parse_entry(raw, metainfo, class_of)
    except Exception:  # whatever is in the file
        return False
    return True


def classes_of(metainfo: Mapping[str, Any]) -> dict[int, int]:
    """Return the indices that boxes of an info file may have, each as its own class."""
    indices = [-1, *(metainfo.get("categories") or {}).values()]
    return dict(zip(indices, indices, strict=True))


def parse_entry(raw: InfoEntry, metainfo: Mapping[str, Any], class_of: Mapping[int, int]) -> Sample:
    """Return an entry as training reads it, with all earlier sweeps and its boxes.

    Args:
        raw: Entry of the info file.
        metainfo: Head of the info file.
        class_of: From :func:`classes_of`.

    Raises:
        FieldError: If a field is missing or of another type.
    """
    sample = parse_sample(raw, metainfo, max_sweeps=sys.maxsize)
    sample["instances"] = parse_boxes(raw.get("instances", []), class_of)
    return sample


def _check_views(sample: Sample, raw: InfoEntry, where: str) -> Iterator[Fault]:
    poses: dict[bytes, str] = {}
    for view, name in enumerate(sample["cam_names"]):
        field, entry = f"{where}.images.{name}", raw["images"][name]
        lidar2cam, cam2img = sample["lidar2cam"][view], sample["cam2img"][view]
        yield from _check_upright(lidar2cam, f"{field}.lidar2cam")
        if "width" in entry and "height" in entry:
            size = int(entry["width"]), int(entry["height"])
            yield from _check_center(cam2img, size, f"{field}.cam2img")
        lag = abs(float(entry.get("timestamp", sample["timestamp"])) - sample["timestamp"])
        if not lag <= _MAX_CAMERA_LAG_S:
            what = f"The image is {lag:.3g} s away from the sweep of its sample."
            yield Fault("lag", f"{field}.timestamp", what)
        other = poses.setdefault(lidar2cam.tobytes(), name)
        if other != name:
            yield Fault("same pose", f"{field}.lidar2cam", f"It is at the place of {other}.")


def _check_center(cam2img: Array, size: tuple[int, int], where: str) -> Iterator[Fault]:
    u, v = cam2img[:2, 2]
    width, height = size
    if abs(u - width / 2) > _OFF_CENTER * width or abs(v - height / 2) > _OFF_CENTER * height:
        what = (
            f"Its principal point ({u:.0f}, {v:.0f}) is far from the center of an image of "
            f"{width}x{height} px."
        )
        yield Fault("off center", where, what)


def check_sweeps(sample: Sample, where: str) -> Iterator[Fault]:
    """Yield the faults of the earlier sweeps of a sample.

    Args:
        sample: From :func:`parse_entry`.
        where: File and field, for the faults.
    """
    for number, sweep in enumerate(sample["lidar_sweeps"]):
        field = f"{where}.lidar_sweeps[{number}]"
        lag = sample["timestamp"] - sweep["timestamp"]
        distance = float(np.linalg.norm(sweep["sweep2lidar"][:3, 3]))
        if not 0 < lag <= _MAX_SWEEP_LAG_S:
            what = f"It is {lag:.3g} s earlier than its sample, not 0 to {_MAX_SWEEP_LAG_S:g} s."
            yield Fault("lag", f"{field}.timestamp", what)
        elif distance > max(MAX_SPEED * lag, 1.0):
            what = f"The ego vehicle moved {distance:.1f} m in {lag:.3g} s."
            yield Fault("speed", f"{field}.sweep2lidar", what)


def _check_upright(lidar2cam: Array, where: str) -> Iterator[Fault]:
    up = -lidar2cam[1, 2]  # of the LiDAR's z axis, along the image's upward axis
    if up < _MIN_UP:
        is_inverse = -lidar2cam[2, 1] >= _MIN_UP
        guess = "; perhaps it is stored the other way round, as cam2lidar" if is_inverse else ""
        what = f"Up of the LiDAR is not up in the image (cosine {up:.2f}){guess}."
        yield Fault("upright", where, what)
