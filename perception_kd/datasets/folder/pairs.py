"""Report what frames lack: images near in time, sweeps, files that can be read."""

from collections.abc import Sequence

import numpy as np

from perception_kd.datasets.conversion import Absence
from perception_kd.datasets.folder.frames import FrameFiles, Recording, show_time, where_of
from perception_kd.datasets.folder.rig import Camera, Rig
from perception_kd.datasets.folder.sections import RigError
from perception_kd.structures import Array

_NUM_EXAMPLES = 3
# A sensor is regular if so many of its steps in time are so near the usual one.
_REGULAR_SHARE, _NEAR_USUAL = 0.75, 0.25
_MANY = 20  # sweeps
_UNUSED_SHARE = 0.25  # of the images, without a sweep, is worth a sentence


def check_pairs(
    rig: Rig, recordings: Sequence[Recording], frames: list[FrameFiles]
) -> tuple[list[FrameFiles], list[Absence]]:
    """Leave out frames without any image, where there are cameras.

    Their sweeps stay among the earlier ones of other frames.

    Args:
        rig: The rig.
        recordings: Its files.
        frames: All frames.

    Returns:
        The other frames, a sentence if some were left out, and one for each camera that
        some of the others lack.

    Raises:
        RigError: If no frame, or too few, have an image of a camera.
    """
    for camera in rig.cameras:
        if not any(camera.name in frame.images for frame in frames):
            raise RigError(_never_meet(rig, camera, recordings))
    blind = [frame for frame in frames if rig.cameras and not frame.images]
    seen = [frame for frame in frames if frame.images or not rig.cameras]
    within = f"no image within {rig.frames.tolerance_s:g} s"
    absences = []
    if blind:
        what = f"cameras: {len(blind)} of {len(frames)} frames have {within} and are left out"
        share = len(blind) / len(frames)
        absences.append(_describe(rig, rig.cameras, recordings, what, blind, share))
    for camera in rig.cameras:
        if lacking := [frame for frame in seen if camera.name not in frame.images]:
            where = f"cameras.{camera.name}.files"
            what = f"{where}: {len(lacking)} of {len(seen)} frames have {within} and one view less"
            share = len(lacking) / len(seen)
            absences.append(_describe(rig, [camera], recordings, what, lacking, share))
    return seen, absences


def find_gaps(rig: Rig, recordings: Sequence[Recording]) -> list[Absence]:
    """Return sentences on missing sweeps, and on sweeps far from all others."""
    lonely = _find_lonely_sweeps(rig, recordings)
    missing = _find_missing_sweeps(rig, recordings) or _find_unused_images(rig, recordings)
    return [*lonely, *missing]


def _find_lonely_sweeps(rig: Rig, recordings: Sequence[Recording]) -> list[Absence]:
    """Return a sentence if each sweep is a scene, as with times of another unit."""
    runs = [np.diff([file.time for file in recording.sweeps]) for recording in recordings]
    steps = np.concatenate(runs)
    if not len(steps) or steps.min() <= rig.frames.scene_gap_s:
        return []
    text = (
        f"lidar.times: the sweeps are {np.median(steps):.3g} s apart, so each of them is a scene "
        f"(frames.scene_gap_s, {rig.frames.scene_gap_s:g}); if there are more per second, correct "
        "times (unit, rate_hz)."
    )
    return [Absence(text, 1.0)]


def _find_missing_sweeps(rig: Rig, recordings: Sequence[Recording]) -> list[Absence]:
    missing, total, first = 0, 0, ""
    for recording in recordings:
        times = np.array([file.time for file in recording.sweeps])
        usual = _usual_step(times)
        if len(times) < _MANY or usual is None:
            continue
        steps = np.diff(times)
        lost = np.where(steps < rig.frames.scene_gap_s, np.round(steps / usual) - 1, 0).clip(0)
        if lost.any() and not first:
            first = recording.sweeps[int(np.argmax(lost > 0))].path
        missing, total = missing + int(lost.sum()), total + len(times)
    if not missing:
        return []
    text = (
        f"lidar.files: by the times of the {total} sweeps, about {missing} more are missing "
        f"between them, the first after {first}; complete the files if there are more."
    )
    return [Absence(text, missing / (missing + total))]


def _find_unused_images(rig: Rig, recordings: Sequence[Recording]) -> list[Absence]:
    """Return a sentence for each camera of which many images have no sweep."""
    absences = []
    sweep_times = [np.array([file.time for file in x.sweeps]) for x in recordings]
    for camera in rig.cameras:
        unused: list[str] = []
        for recording, sweeps in zip(recordings, sweep_times, strict=True):
            images = recording.images[camera.name]
            gaps = _gaps_to(sweeps, np.array([file.time for file in images]))
            unused += [images[i].path for i in np.flatnonzero(gaps > rig.frames.tolerance_s)]
        total = sum(len(recording.images[camera.name]) for recording in recordings)
        if len(unused) < _UNUSED_SHARE * total:
            continue
        text = (
            f"cameras.{camera.name}.files: {len(unused)} of {total} images have no sweep within "
            f"{rig.frames.tolerance_s:g} s and are not used, such as {_some(unused)}; complete "
            "lidar.files if there are more sweeps."
        )
        absences.append(Absence(text, len(unused) / total))
    return absences


def check_missing(rig: Rig, absence: Absence, remedy: str) -> Absence:
    """Return an absence, unless its share is too large.

    Raises:
        RigError: If it is.
    """
    if absence.share > rig.frames.max_missing:
        limit = f"frames.max_missing, {rig.frames.max_missing:g}"
        raise RigError(f"{rig.path}: {absence.text.rstrip('.')}; {remedy}, or raise {limit}.")
    return absence


def _describe(
    rig: Rig,
    cameras: Sequence[Camera],
    recordings: Sequence[Recording],
    what: str,
    lacking: Sequence[FrameFiles],
    share: float,
) -> Absence:
    """Return a sentence on frames that lack images of cameras."""
    text = f"{what}, such as those of {_some([frame.sweep.path for frame in lacking])}"
    steps_s = [_slower_step(camera, recordings) for camera in cameras]
    if any(step_s is None for step_s in steps_s):
        remedy = "complete the files, correct times, leave the camera out"
        return check_missing(rig, Absence(f"{text}.", share), remedy)
    every_s = max(step_s or 0.0 for step_s in steps_s)
    return Absence(
        f"{text}: there is an image every {every_s:.2g} s only; frames.every_s: {every_s:.2g} "
        "makes as many frames.",
        share,
    )


def _slower_step(camera: Camera, recordings: Sequence[Recording]) -> float | None:
    """Return the time between two images of a camera slower than the LiDAR, in s.

    None if it is not, or if its images come irregularly or for a part of the time.
    """
    step_s = 0.0
    for recording in recordings:
        images, sweeps = (
            np.array([file.time for file in files])
            for files in (recording.images[camera.name], recording.sweeps)
        )
        image_step, sweep_step = _usual_step(images), _usual_step(sweeps)
        if image_step is None or sweep_step is None or image_step < 1.5 * sweep_step:
            return None
        if len(images) * image_step < _REGULAR_SHARE * float(np.ptp(sweeps)):
            return None
        step_s = max(step_s, image_step)
    return step_s or None


def _usual_step(times: Array) -> float | None:
    """Return the time from one file to the next; None if it is not regular."""
    steps = np.diff(times)
    if len(steps) < 2:
        return None
    usual = float(np.median(steps))
    near = np.abs(steps - usual) <= _NEAR_USUAL * usual
    return usual if usual > 0 and near.mean() >= _REGULAR_SHARE else None


def _some(paths: Sequence[str]) -> str:
    return ", ".join(paths[:_NUM_EXAMPLES])


def _never_meet(rig: Rig, camera: Camera, recordings: Sequence[Recording]) -> str:
    """Return the error of a camera whose images are far from all sweeps."""
    sweeps = [file.time for recording in recordings for file in recording.sweeps]
    images = [file.time for recording in recordings for file in recording.images[camera.name]]
    if not images:
        return (
            f"{where_of(rig, camera)}.files: no image is in a folder of a sweep of lidar.files; "
            "correct {scene} in the patterns."
        )
    return (
        f"{where_of(rig, camera)}.times: no image is within {rig.frames.tolerance_s:g} s of a "
        f"sweep; images are from {show_time(min(images))} to {show_time(max(images))}, sweeps from "
        f"{show_time(min(sweeps))} to {show_time(max(sweeps))}, at least "
        f"{_gaps_to(np.sort(sweeps), np.array(images)).min():.3g} s apart; correct times (unit, "
        "offset_s), or raise frames.tolerance_s."
    )


def _gaps_to(sweeps: Array, images: Array) -> Array:
    """Return the time from each image to the nearest of some ordered sweeps, in s."""
    after = np.searchsorted(sweeps, images)
    near = [sweeps[np.clip(places, 0, len(sweeps) - 1)] for places in (after - 1, after)]
    return np.asarray(np.abs(near - images).min(axis=0))
