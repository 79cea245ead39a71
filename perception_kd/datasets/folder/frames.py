"""Frames: which sweeps and images belong together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from itertools import chain, pairwise
from pathlib import Path

import numpy as np

from perception_kd.datasets.folder.constants import EARLY
from perception_kd.datasets.folder.file_lists import SensorFile, describe_found, list_files
from perception_kd.datasets.folder.file_times import read_file_times
from perception_kd.datasets.folder.rig import Camera, Frames, Lidar, Rig
from perception_kd.datasets.folder.sections import RigError
from perception_kd.structures import Array

_SINCE_2000_S = 946_684_800.0
_SHORTEST_S = 1e-3  # between two sweeps; real LiDARs need 10 ms and more


@dataclass(frozen=True)
class Recording:
    """The files of one folder of a scene, each sensor's ordered by time.

    Attributes:
        scene: Name of the folder; empty for a recording without ``{scene}``.
        sweeps: Files of the LiDAR.
        images: Files of each camera.
    """

    scene: str
    sweeps: list[SensorFile]
    images: dict[str, list[SensorFile]]


@dataclass(frozen=True)
class FrameFiles:
    """A sweep and what belongs to it.

    Attributes:
        source: Name of the folder of the scene.
        scene: Name of the scene.
        sweep: File of the LiDAR.
        images: File of each camera that has one.
        earlier: Sweeps before this one, nearest first.
    """

    source: str
    scene: str
    sweep: SensorFile
    images: dict[str, SensorFile] = field(default_factory=dict)
    earlier: list[SensorFile] = field(default_factory=list)


def read_recordings(rig: Rig, root: Path) -> list[Recording]:
    """Find all files of a rig and their times.

    Args:
        rig: The rig.
        root: Folder of the recording.

    Raises:
        FileNotFoundError: If a pattern matches no file.
        RigError: If times are missing or impossible.
    """
    sweeps = _list(rig.lidar, root, f"{rig.path}: lidar")
    images = {x.name: _list(x, root, where_of(rig, x)) for x in rig.cameras}
    _check_shared(rig, images)
    recordings = []
    for scene, paths in sweeps.items():
        of_camera = {
            camera.name: _with_times(
                camera, root, scene, images[camera.name].get(scene, []), where_of(rig, camera)
            )
            for camera in rig.cameras
        }
        timed = _with_times(rig.lidar, root, scene, paths, f"{rig.path}: lidar")
        _check_pace(rig, timed)
        _check_order(rig, timed, of_camera)
        recordings.append(Recording(scene, timed, of_camera))
    return recordings


def make_frames(recording: Recording, settings: Frames, name: str) -> list[FrameFiles]:
    """Return the frames of a recording in the order of time.

    Args:
        recording: The files.
        settings: Which of them make a frame.
        name: Name of the scene; if there is more than one by gaps in time, it gets
            numbers.
    """
    parts = split_at_gaps(recording.sweeps, settings.scene_gap_s)
    times = {
        camera: np.array([x.time for x in files]) for camera, files in recording.images.items()
    }
    frames = []
    for index, part in enumerate(parts):
        scene = name if len(parts) == 1 else f"{name}_{index:03d}"
        images = [
            {
                camera: files[nearest]
                for camera, files in recording.images.items()
                if (nearest := _nearest(times[camera], sweep.time, settings)) is not None
            }
            for sweep in part
        ]
        for place in _choose(part, settings.every_s, [bool(found) for found in images]):
            nearest_first = part[max(place - settings.max_sweeps, 0) : place][::-1]
            frames.append(
                FrameFiles(recording.scene, scene, part[place], images[place], nearest_first)
            )
    return frames


def where_of(rig: Rig, camera: Camera) -> str:
    """Return the place of a camera in the rig file, for errors."""
    return f"{rig.path}: cameras.{camera.name}"


def _list(sensor: Lidar | Camera, root: Path, where: str) -> Mapping[str, list[str]]:
    files = list_files(root, sensor.files)
    if not files:
        raise FileNotFoundError(
            f"{where}.files: no file in {root} matches {sensor.files!r}; "
            f"{describe_found(root, sensor.files)}; correct the pattern."
        )
    return files


def _check_shared(rig: Rig, images: Mapping[str, Mapping[str, list[str]]]) -> None:
    """Refuse a file that the patterns of two cameras match."""
    owners: dict[str, str] = {}
    for camera, by_scene in images.items():
        for path in chain.from_iterable(by_scene.values()):
            other = owners.setdefault(path, camera)
            if other != camera:
                raise RigError(
                    f"{rig.path}: cameras.{other}.files and cameras.{camera}.files both match "
                    f"{path}; correct the patterns."
                )


def _with_times(
    sensor: Lidar | Camera, root: Path, scene: str, paths: Sequence[str], where: str
) -> list[SensorFile]:
    if not paths:
        return []
    times = read_file_times(sensor.times, root, scene, paths, where)
    files = sorted(map(SensorFile, paths, times), key=lambda file: file.time)
    for earlier, later in pairwise(files):
        if earlier.time == later.time:
            raise RigError(
                f"{where}.times: {earlier.path} and {later.path} have the same time, "
                f"{show_time(later.time)}; correct times.pattern, or write {{scene}} in files for "
                "the folder that differs."
            )
    return files


def _check_pace(rig: Rig, sweeps: Sequence[SensorFile]) -> None:
    """Refuse sweeps that follow each other faster than any LiDAR turns."""
    step_s = float(np.median(np.diff([file.time for file in sweeps]))) if sweeps[1:] else 1.0
    if step_s < _SHORTEST_S:
        raise RigError(
            f"{rig.path}: lidar.times: sweeps are {step_s:.2g} s apart, which no LiDAR can do; "
            "correct times (unit, rate_hz, columns of the table)."
        )


def _check_order(
    rig: Rig, sweeps: Sequence[SensorFile], images: Mapping[str, Sequence[SensorFile]]
) -> None:
    """Refuse pairs by order if a sensor has another number of files."""
    for camera in rig.cameras:
        files = images[camera.name]
        by_order = "order" in (camera.times.source, rig.lidar.times.source)
        same_rate = camera.times.rate_hz == rig.lidar.times.rate_hz
        if by_order and same_rate and files and len(files) != len(sweeps):
            raise RigError(
                f"{where_of(rig, camera)}.times is 'order', but there are {len(sweeps)} files of "
                f"the LiDAR and {len(files)} images: pairs would be wrong after the first missing "
                "file; complete them, or take times from names or a csv file."
            )


def split_at_gaps(files: Sequence[SensorFile], gap_s: float) -> list[list[SensorFile]]:
    """Return runs of files in the order of time, with longer pauses between."""
    parts: list[list[SensorFile]] = []
    for file in files:
        if not parts or file.time - parts[-1][-1].time > gap_s:
            parts.append([])
        parts[-1].append(file)
    return parts


def _choose(files: Sequence[SensorFile], every_s: float, sees: Sequence[bool]) -> list[int]:
    """Return indices of files at least ``every_s`` apart.

    Only files with an image are chosen, if any has one.
    """
    places: list[int] = []
    passes_blind = every_s > 0 and any(sees)
    for place, file in enumerate(files):
        if passes_blind and not sees[place]:
            continue
        if not places or file.time - files[places[-1]].time >= every_s * EARLY:
            places.append(place)
    return places


def _nearest(times: Array, time: float, settings: Frames) -> int | None:
    """Return the place of the nearest of some times in order, unless it is too far."""
    after = int(np.searchsorted(times, time))
    near = [place for place in (after - 1, after) if 0 <= place < len(times)]
    place = min(near, key=lambda i: abs(times[i] - time), default=None)
    if place is None or abs(times[place] - time) > settings.tolerance_s + 1e-9:
        return None
    return place


def show_time(time_s: float) -> str:
    """Return a time as a date, if it can be one."""
    if _SINCE_2000_S < time_s < 4 * _SINCE_2000_S:
        date = datetime.fromtimestamp(time_s, timezone.utc)
        return date.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    return f"{time_s:.6g} s"
