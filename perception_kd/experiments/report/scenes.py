"""The scenes of a report as a file of Rerun."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch.nn.functional as F

from perception_kd.experiments.report.detections import RADIUS, Detections, load_detections
from perception_kd.experiments.report.keyframes import Keyframe, load_keyframes
from perception_kd.experiments.report.matching import select_shown
from perception_kd.experiments.report.reduction import principal_colors
from perception_kd.experiments.report.work_dir import WorkDir
from perception_kd.models.networks.lidar_network import PointFeatures
from perception_kd.structures import Sample
from perception_kd.visualization.boxes import PREDICTED_COLOR, TRUTH_COLOR
from perception_kd.visualization.rerun_file import RerunFile
from perception_kd.visualization.similarity import color_similarity

_QUERY = np.array([255, 0, 255], np.uint8)
_QUERY_RADIUS = 0.4  # m
_GRAY = np.array([150, 150, 150], np.uint8)


def write_scenes(work_dir: Path, out: Path, num_keyframes: int) -> Path:
    """Run the networks of a demo on some keyframes, and record what they see.

    Args:
        work_dir: Work dir of the demo.
        out: File to write, ``*.rrd``.
        num_keyframes: Maximum number of keyframes.

    Returns:
        The file.

    Raises:
        FileNotFoundError: If there is no pre-training with images yet, or no data.
        ImportError: If Rerun is not installed; names the extra.
        PermissionError: If the file cannot be written.
    """
    work = WorkDir.read(work_dir)
    work.check_begun()
    with RerunFile(out) as rerun_file:
        record_keyframes(rerun_file, load_keyframes(work, num_keyframes))
        record_detections(rerun_file, load_detections(work, num_keyframes))
    return out


def record_keyframes(rerun_file: RerunFile, keyframes: Sequence[Keyframe]) -> None:
    """Record points in the colors of their features, and images."""
    for number, keyframe in enumerate(keyframes):
        rerun_file.set_step("keyframe", number)
        colors = principal_colors(keyframe.point_feats, keyframe.in_range)
        rerun_file.add_points("lidar/features", keyframe.positions, colors)
        for view, img in enumerate(keyframe.sample["imgs"]):
            rerun_file.add_image(f"cameras/{keyframe.sample['cam_names'][view]}", img)


def record_detections(rerun_file: RerunFile, detections: Detections) -> None:
    """Record points and the boxes that the report draws, annotated and predicted."""
    for number, sample in enumerate(detections.samples):
        rerun_file.set_step("keyframe", number)
        rerun_file.add_points("lidar/points", sample["points"][:, :3], _GRAY)
        rerun_file.add_boxes("lidar/boxes/truth", sample["gt_bboxes_3d"], TRUTH_COLOR)
        for protocol, networks in detections.found.items():
            for network, found in networks.items():
                best = select_shown(found[number], len(sample["gt_bboxes_3d"]), RADIUS)
                entity = f"lidar/boxes/{protocol}/{network}"
                rerun_file.add_boxes(entity, best.bboxes_3d, PREDICTED_COLOR)


def record_similarity(
    rerun_file: RerunFile, sample: Sample, point_feats: PointFeatures, queries: Sequence[int]
) -> None:
    """Record a sample: images, points in the colors of features, similarities.

    Args:
        rerun_file: The file.
        sample: Sample with ``points``, ``imgs`` and ``cam_names``.
        point_feats: Features of its points, and whether each point is in range.
        queries: Rows of points, one step of the timeline "query" each.
    """
    positions = np.ascontiguousarray(sample["points"][:, :3])
    feats = point_feats.feats.numpy(force=True)
    colors = principal_colors(feats, point_feats.in_range.numpy(force=True))
    unit = F.normalize(point_feats.feats.float(), dim=1)
    for step, query in enumerate(queries):
        rerun_file.set_step("query", step)
        rerun_file.add_points("lidar/features", positions, colors)
        cosines = (unit @ unit[query]).numpy(force=True)
        rerun_file.add_points("lidar/similarity", positions, color_similarity(cosines))
        rerun_file.add_points("lidar/query", positions[[query]], _QUERY, _QUERY_RADIUS)
        for view, img in enumerate(sample["imgs"]):
            rerun_file.add_image(f"cameras/{sample['cam_names'][view]}", img)
