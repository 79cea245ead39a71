"""Verdicts on the cameras of info files, with drawings."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from mmengine.logging import MMLogger

from perception_kd.calibration.agreement import CameraFrame
from perception_kd.calibration.drawing import draw_verdict
from perception_kd.calibration.extrinsics import Extrinsics
from perception_kd.calibration.frames import read_frames
from perception_kd.calibration.verdict import CameraVerdict, judge_calibration
from perception_kd.geometry.projection import project_points
from perception_kd.io.atomic import write_whole
from perception_kd.io.images import write_image
from perception_kd.io.info_writer import InfoExcerpt
from perception_kd.io.inner_folder import make_inner_folder
from perception_kd.structures import Image

FOLDER = "calibration"
ENOUGH_FRAMES = 3  # of which nothing to tell is a warning
_FILE_NAME = re.compile(r"[^\w.+-]")  # what a file name cannot have everywhere


def judge_excerpts(
    excerpts: Sequence[InfoExcerpt],
    data_root: str | Path,
    extrinsics: Mapping[str, Extrinsics] | None = None,
) -> list[tuple[CameraVerdict, Image]]:
    """Judge the cameras of info files.

    A few samples, evenly over the files, are read. Images and points that cannot be
    read are left out: other checks report them.

    Args:
        excerpts: Samples of info files of the same cameras, such as those of all
            splits.
        data_root: Folder of the data set.
        extrinsics: Source of each camera's extrinsics; by default the info files.

    Returns:
        A verdict with its drawing, RGB, per camera, in the order of the files; none
        without cameras.

    Raises:
        ValueError: If a field is wrong.
    """
    sources = extrinsics or {}
    examples: dict[str, CameraFrame] = {}
    frames = _note_first(read_frames(excerpts, data_root, sources), examples)
    judged = []
    for verdict in judge_calibration(frames):
        frame = examples[verdict.camera]
        source = sources.get(verdict.camera, _describe_info(excerpts, verdict.camera))
        verdict = replace(verdict, advice=_advise(verdict, source), share=_share_in_front(frame))
        other = examples.get(verdict.mixup.camera) if verdict.mixup is not None else None
        judged.append((verdict, draw_verdict(frame, verdict, other)))
    return judged


def report_calibration(
    excerpts: Sequence[InfoExcerpt],
    data_root: str | Path,
    out_dir: str | Path,
    extrinsics: Mapping[str, Extrinsics] | None = None,
) -> list[CameraVerdict]:
    """Judge the cameras of info files, log a line on each, and write drawings.

    Args:
        excerpts: As in :func:`judge_excerpts`.
        data_root: Folder of the data set.
        out_dir: Folder that gets ``calibration/verdicts.json`` and an image per camera,
            ``calibration/CAMERA.jpg``.
        extrinsics: As in :func:`judge_excerpts`.

    Returns:
        A verdict per camera, in the order of the files; none without cameras.

    Raises:
        ValueError: If a field is wrong.
        OSError: If a drawing cannot be written.
    """
    judged = judge_excerpts(excerpts, data_root, extrinsics)
    folder = Path(out_dir) / FOLDER
    logger = MMLogger.get_current_instance()
    for verdict, image in judged:
        make_inner_folder(out_dir, folder)
        drawing = folder / f"{_FILE_NAME.sub('_', verdict.camera)}.jpg"
        write_image(drawing, image)
        log = logger.warning if needs_attention(verdict) else logger.info
        log(
            "Calibration of %s; %.0f %% of the points in front fall on the image: %s",
            verdict.line,
            100 * verdict.share,
            describe_next(verdict, str(drawing)),
        )
    verdicts = [verdict for verdict, _ in judged]
    if verdicts:
        text = json.dumps([verdict.json for verdict in verdicts], indent=1)
        write_whole(folder / "verdicts.json", text.encode())
    return verdicts


def needs_attention(verdict: CameraVerdict) -> bool:
    """Return whether a verdict is a warning.

    Args:
        verdict: The verdict.
    """
    is_untold = not verdict.shows and verdict.num_frames >= ENOUGH_FRAMES
    return bool(verdict.errors or verdict.mixup or is_untold)


def describe_next(verdict: CameraVerdict, drawing: str) -> str:
    """Return the advice on a verdict, in a sentence; for a good one, the drawing.

    Args:
        verdict: The verdict.
        drawing: Where its drawing is.
    """
    if verdict.mixup is not None:
        return f"{verdict.advice} Compare both sides of {drawing}."
    if verdict.errors:
        return (
            f"compare both sides of {drawing}. If the right one fits, multiply lidar2cam from the "
            "left by `correction` in verdicts.json; a shift along the road can also mean that "
            "image and points are of different moments."
        )
    if needs_attention(verdict):
        return (
            "nothing was proven, and an error of any size may be there. Look whether points lie "
            f"on the objects that they hit: {drawing}"
        )
    return drawing


def _note_first(
    frames: Iterable[CameraFrame], examples: dict[str, CameraFrame]
) -> Iterator[CameraFrame]:
    """Pass frames on, and keep the first of each camera."""
    for frame in frames:
        examples.setdefault(frame.camera, frame)
        yield frame


def _advise(verdict: CameraVerdict, source: Extrinsics) -> str:
    if verdict.mixup is None:
        return ""
    if not verdict.mixup.camera:
        return f"{source.where}: {source.question} If so, {source.remedy}."
    return (
        f"{source.where}: check that the images of {verdict.camera} and {verdict.mixup.camera}, or "
        "their calibrations, are not swapped."
    )


def _describe_info(excerpts: Sequence[InfoExcerpt], camera: str) -> Extrinsics:
    return Extrinsics(f"{excerpts[0].path}: images.{camera}.lidar2cam")


def _share_in_front(frame: CameraFrame) -> float:
    """Return the share of the points in front of the camera that fall on its image."""
    positions = frame.points[:, :3].astype(np.float64)
    projection = project_points(positions, frame.lidar2cam, frame.cam2img, frame.size)
    in_front = np.count_nonzero(projection.depth > 1)
    return np.count_nonzero(projection.visible) / max(in_front, 1)
