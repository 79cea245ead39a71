"""Verdicts on the cameras of an info file, with drawings."""

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.logging import MMLogger

from perception_kd.calibration.agreement import CameraFrame, FramePairs
from perception_kd.calibration.drawing import draw_verdict
from perception_kd.calibration.verdict import CameraVerdict, judge_camera
from perception_kd.geometry.projection import project_points
from perception_kd.io.atomic import write_whole
from perception_kd.io.errors import BrokenFileError
from perception_kd.io.image_files import read_image
from perception_kd.io.images import write_image
from perception_kd.io.info_fields import image_shape, read_field, read_matrix, read_path
from perception_kd.io.info_file import name_entry, read_info, resolve_path
from perception_kd.io.listed_files import list_sweeps
from perception_kd.io.point_files.readers import read_points
from perception_kd.structures import InfoEntry, Points

FOLDER = "calibration"
_MAX_FRAMES = 8  # evenly over the samples
_ENOUGH_FRAMES = 3  # of which nothing to tell is a warning
_FILE_NAME = re.compile(r"[^\w.+-]")  # what a file name cannot have everywhere


def report_calibration(
    info_paths: Sequence[str | Path], data_root: str | Path, out_dir: str | Path
) -> list[CameraVerdict]:
    """Judge the cameras of info files, log a line on each, and write drawings.

    A few samples, evenly over the files, are read. Images and points that cannot be
    read are left out: other checks report them.

    Args:
        info_paths: Info files of the same cameras, such as those of all splits.
        data_root: Folder of the data set.
        out_dir: Folder that gets ``calibration/verdicts.json`` and an image per camera,
            ``calibration/CAMERA.jpg``.

    Returns:
        A verdict per camera, in the order of the files; none without cameras.

    Raises:
        FileNotFoundError: If an info file is missing.
        ValueError: If one is broken, or a field is wrong.
        OSError: If a drawing cannot be written.
    """
    views: dict[str, list[FramePairs]] = {}
    examples: dict[str, CameraFrame] = {}
    for frame in _read_frames(info_paths, data_root):
        views.setdefault(frame.camera, []).append(FramePairs(frame))
        examples.setdefault(frame.camera, frame)
    folder = Path(out_dir) / FOLDER
    logger = MMLogger.get_current_instance()
    verdicts = []
    for camera, frame in examples.items():
        verdict = judge_camera(camera, views[camera])
        folder.mkdir(parents=True, exist_ok=True)
        drawing = folder / f"{_FILE_NAME.sub('_', camera)}.jpg"
        write_image(drawing, draw_verdict(frame, verdict))
        _log(logger, verdict, frame, drawing)
        verdicts.append(verdict)
    if verdicts:
        text = json.dumps([verdict.json for verdict in verdicts], indent=1)
        write_whole(folder / "verdicts.json", text.encode())
    return verdicts


def _log(logger: MMLogger, verdict: CameraVerdict, frame: CameraFrame, drawing: Path) -> None:
    share = _share_on_image(frame)
    if verdict.errors:
        logger.warning(
            "Calibration of %s; %.0f %% of the points in front fall on the image. Compare both "
            "sides of %s. If the right one fits, multiply lidar2cam from the left by `correction` "
            "in verdicts.json; a shift along the road can also mean that image and points are of "
            "different moments.",
            verdict.line,
            100 * share,
            drawing,
        )
        return
    if not verdict.shows and verdict.num_frames >= _ENOUGH_FRAMES:
        logger.warning(
            "Calibration of %s: nothing was proven, and an error of any size may be there. Look "
            "whether points lie on the objects that they hit: %s",
            verdict.line,
            drawing,
        )
        return
    logger.info(
        "Calibration of %s; %.0f %% of the points in front fall on the image: %s",
        verdict.line,
        100 * share,
        drawing,
    )


def _share_on_image(frame: CameraFrame) -> float:
    """Return the share of the points in front of the camera that fall on its image."""
    positions = frame.points[:, :3].astype(np.float64)
    projection = project_points(positions, frame.lidar2cam, frame.cam2img, frame.size)
    in_front = np.count_nonzero(projection.depth > 1)
    return np.count_nonzero(projection.visible) / max(in_front, 1)


def _read_frames(info_paths: Sequence[str | Path], data_root: str | Path) -> Iterator[CameraFrame]:
    infos = {path: read_info(path) for path in info_paths}
    samples = [(path, x) for path in infos for x in infos[path]["data_list"] if x.get("images")]
    chosen = np.linspace(0, len(samples) - 1, min(_MAX_FRAMES, len(samples))).round()
    for index in chosen.astype(int).tolist():
        path, sample = samples[index]
        one = infos[path] | {"data_list": [sample]}
        sweep = list_sweeps(path, one, data_root)[0]
        with suppress(BrokenFileError, FileNotFoundError):
            points = read_points(sweep.path, sweep.layout)
            with name_entry(path, one, sample):
                yield from _read_views(sample, one["metainfo"], data_root, points)


def _read_views(
    sample: InfoEntry, metainfo: Mapping[str, Any], data_root: str | Path, points: Points
) -> Iterator[CameraFrame]:
    for camera, view in read_field(sample, "images", dict).items():
        where = f"images.{camera}."
        path = resolve_path(metainfo, camera, read_path(view, "img_path", where))
        cam2img = read_matrix(view, "cam2img", (3, 3), where)
        lidar2cam = read_matrix(view, "lidar2cam", (4, 4), where)
        with suppress(BrokenFileError, FileNotFoundError):
            image = read_image(os.path.join(data_root, path), image_shape(view, where))
            yield CameraFrame(camera, points, image, cam2img, lidar2cam)
