"""Splits of the frames: by names of scenes, or by time with a gap between."""

from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from perception_kd.datasets.folder.frames import FrameFiles
from perception_kd.datasets.folder.rig import Rig
from perception_kd.datasets.folder.sections import RigError

TRAIN, VAL = "train", "val"


def split_frames(
    rig: Rig, frames: Sequence[FrameFiles]
) -> tuple[dict[str, list[FrameFiles]], list[str]]:
    """Return the frames of each split, and sentences on what was left out.

    Args:
        rig: The rig, whose ``splits`` say how.
        frames: Frames of all scenes.

    Raises:
        RigError: If a scene is in two splits, or a split has no frame.
    """
    if rig.splits.scenes:
        return _by_names(rig, frames)
    if rig.splits.val_share:
        return _by_time(rig, frames)
    return {TRAIN: list(frames)}, [
        f"All {len(frames)} frames are for training; for validation, give splits in {rig.path}."
    ]


def _by_names(
    rig: Rig, frames: Sequence[FrameFiles]
) -> tuple[dict[str, list[FrameFiles]], list[str]]:
    scenes = list(dict.fromkeys(frame.scene for frame in frames))
    split_of: dict[str, str] = {}
    for split, patterns in rig.splits.scenes.items():
        for pattern in patterns:
            found = [scene for scene in scenes if fnmatchcase(scene, pattern)]
            if not found:
                raise RigError(
                    f"{rig.path}: splits.{split}: no scene is called {pattern!r}; scenes are "
                    f"{_some(scenes)}."
                )
            for scene in found:
                if split_of.setdefault(scene, split) != split:
                    raise RigError(
                        f"{rig.path}: splits: the scene {scene} is in {split_of[scene]} and in "
                        f"{split}; a scene must be in one, as results on known scenes mean nothing."
                    )
    remarks = []
    if left := [scene for scene in scenes if scene not in split_of]:
        remarks.append(f"{len(left)} scenes are in no split of {rig.path}: {_some(left)}.")
    splits = {
        split: [frame for frame in frames if split_of.get(frame.scene) == split]
        for split in rig.splits.scenes
    }
    return splits, remarks


def _by_time(
    rig: Rig, frames: Sequence[FrameFiles]
) -> tuple[dict[str, list[FrameFiles]], list[str]]:
    """Give the end of the recording to validation.

    Time is that in scenes, one after another: pauses between scenes do not count. A
    scene that is cut becomes two.
    """
    share, guard_s = rig.splits.val_share, rig.splits.guard_s
    at, length = _clock(frames)
    cut = length * (1 - share)
    parts: dict[str, list[FrameFiles]] = {TRAIN: [], VAL: []}
    for frame, time in zip(frames, at, strict=True):
        if time >= cut:
            parts[VAL].append(frame)
        elif time < cut - guard_s:
            parts[TRAIN].append(frame)
    empty = [split for split, part in parts.items() if not part]
    if empty:
        raise RigError(
            f"{rig.path}: splits.val_share {share:g} with guard_s {guard_s:g} leaves no frame for "
            f"{empty[0]}, since the recording has {length:.3g} s; lower them, or leave out splits."
        )
    both = {x.scene for x in parts[TRAIN]} & {x.scene for x in parts[VAL]}
    splits = {
        split: [
            replace(frame, scene=f"{frame.scene}_{split}") if frame.scene in both else frame
            for frame in part
        ]
        for split, part in parts.items()
    }
    left = len(frames) - sum(map(len, parts.values()))
    remarks = [f"{left} frames between training and validation were left out."] if left else []
    return splits, remarks


def _clock(frames: Sequence[FrameFiles]) -> tuple[list[float], float]:
    """Return the times of frames without pauses between scenes, and their sum."""
    at, start, before = [], 0.0, None
    for frame in frames:
        if before is not None and frame.scene == before.scene:
            start += frame.sweep.time - before.sweep.time
        at.append(start)
        before = frame
    return at, start


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return ", ".join(names[:8]) + more
