"""Files of frames that cannot be read: counted, named and left out."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from perception_kd.datasets.calibration_checks import read_image_size
from perception_kd.datasets.conversion import Absence
from perception_kd.datasets.folder.file_lists import SensorFile
from perception_kd.datasets.folder.frames import FrameFiles
from perception_kd.datasets.folder.pairs import check_missing
from perception_kd.datasets.folder.rig import Rig
from perception_kd.io.image_files import is_whole_file
from perception_kd.io.point_files.readers import find_size_fault, is_raw
from perception_kd.structures import PointLayout

_Size = tuple[int, int]
_REMEDY = "copy them again"


def measure_images(
    root: Path, frames: Iterable[FrameFiles], advance: Callable[[], Any]
) -> tuple[dict[str, _Size], dict[str, str]]:
    """Read the heads and ends of all images of frames.

    Args:
        root: Folder of the recording.
        frames: The frames.
        advance: Called after each frame.

    Returns:
        Width and height in px, and why an image cannot be read, by path.
    """
    sizes: dict[str, _Size] = {}
    faults: dict[str, str] = {}
    for frame in frames:
        for image in frame.images.values():
            if image.path in sizes or image.path in faults:
                continue
            try:
                size = read_image_size(root / image.path)
            except ValueError as error:
                faults[image.path] = str(error)
                continue
            if is_whole_file(root / image.path):
                sizes[image.path] = size
            else:
                faults[image.path] = f"{root / image.path} is cut off; copy it again."
        advance()
    return sizes, faults


def find_broken_sweeps(
    root: Path, frames: Iterable[FrameFiles], layout: PointLayout, advance: Callable[[], Any]
) -> dict[str, str]:
    """Return why sweeps of frames, also earlier ones, cannot be read, by path.

    Args:
        root: Folder of the recording.
        frames: The frames.
        layout: Layout of the files of points.
        advance: Called after each frame.
    """
    found: dict[str, str] = {}
    for frame in frames:
        for sweep in (frame.sweep, *frame.earlier):
            if sweep.path not in found:
                found[sweep.path] = find_size_fault(root / sweep.path, layout)
        advance()
    faults = {path: fault for path, fault in found.items() if fault}
    if 2 * len(faults) > len(found):  # raw rows of another layout, which a check will name
        faults = {path: fault for path, fault in faults.items() if not _is_other_layout(root, path)}
    return faults


def leave_out_broken(
    rig: Rig, frames: Sequence[FrameFiles], faults: Mapping[str, str]
) -> tuple[list[FrameFiles], list[Absence]]:
    """Return the frames without files that cannot be read, and a sentence per sensor.

    Args:
        rig: The rig.
        frames: The frames.
        faults: Why files cannot be read, by path.

    Raises:
        RigError: If most files of a sensor cannot be read.
    """
    if not faults:
        return list(frames), []
    absences = []
    for sensor in ("lidar", *(camera.name for camera in rig.cameras)):
        files = {
            file.path: faults.get(file.path, "")
            for frame in frames
            for file in _files_of(frame, sensor)
        }
        if bad := {path: fault for path, fault in files.items() if fault}:
            where = "lidar.files" if sensor == "lidar" else f"cameras.{sensor}.files"
            first = next(iter(bad.values())).rstrip(".")
            text = f"{where}: {len(bad)} of {len(files)} files are left out, such as this: {first}."
            absences.append(check_missing(rig, Absence(text, len(bad) / len(files)), _REMEDY))
    return [_without(frame, faults) for frame in frames if frame.sweep.path not in faults], absences


def _is_other_layout(root: Path, path: str) -> bool:
    return is_raw(path) and (root / path).stat().st_size > 0


def _files_of(frame: FrameFiles, sensor: str) -> list[SensorFile]:
    if sensor == "lidar":
        return [frame.sweep, *frame.earlier]
    return [frame.images[sensor]] if sensor in frame.images else []


def _without(frame: FrameFiles, faults: Mapping[str, str]) -> FrameFiles:
    return replace(
        frame,
        images={name: file for name, file in frame.images.items() if file.path not in faults},
        earlier=[file for file in frame.earlier if file.path not in faults],
    )
