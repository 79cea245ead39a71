"""Boxes: what the detectors of a demo find, beside the truth."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perception_kd.engine.inference import build_test_set
from perception_kd.experiments.report.colors import as_hex
from perception_kd.experiments.report.encoding import encode_drawing, encode_picture
from perception_kd.experiments.report.networks import (
    finished_runs,
    name_unfinished,
    predict_keyframes,
    protocols_of,
    read_run_config,
    spread,
)
from perception_kd.experiments.report.section import Section
from perception_kd.experiments.report.views import camera_name, title, view_order
from perception_kd.experiments.report.work_dir import ARMS, PROTOCOLS, Run, WorkDir
from perception_kd.structures import Sample
from perception_kd.visualization.boxes import (
    PREDICTED_COLOR,
    TRUTH_COLOR,
    draw_boxes_bev,
    draw_boxes_image,
)

TASK = "nuscenes"
RADIUS = 50.0  # m
MATCH_DISTANCE = 2.0  # m, the devkit's for errors of true positives
ABOVE_SIZE, VIEW_WIDTH = 800, 640  # px
_LOADING = (dict(type="LoadPoints"), dict(type="LoadImages"), dict(type="LoadBoxes"))


@dataclass(frozen=True)
class Detections:
    """Keyframes, and the boxes that networks find in them.

    Attributes:
        samples: Of ``docs/sample.md``, with ``gt_bboxes_3d``, images as stored.
        found: By protocol and arm, of each keyframe: mmengine's ``InstanceData`` with
            ``bboxes_3d``, ``scores_3d`` and ``labels_3d``.
    """

    samples: list[Sample] = field(default_factory=list)
    found: dict[str, dict[str, list[Any]]] = field(default_factory=dict)


def load_detections(work: WorkDir, num: int) -> Detections:
    """Run the detectors of a demo on some keyframes, spread over the test set.

    Args:
        work: Folder of the demo.
        num: How many at most.

    Raises:
        FileNotFoundError: If the data is gone.
    """
    samples: list[Sample] = []
    found = {}
    for protocol in protocols_of(work, TASK):
        runs = finished_runs(work, protocol)
        found[protocol] = {
            arm: [sample.pred_instances_3d for sample in predict_keyframes(run, num)]
            for arm, run in runs.items()
        }
        samples = samples or [s for run in [*runs.values()][:1] for s in _load_truth(run, num)]
    return Detections(samples, {protocol: arms for protocol, arms in found.items() if arms})


def boxes_section(work: WorkDir, detections: Detections, reason: str) -> Section:
    """Show true boxes and those found by each arm, from above and in the cameras.

    Of each arm, as many boxes are drawn as there are true ones, those it is surest of:
    no score means the same to two networks.
    """
    content = {
        "titles": [title(sample) for sample in detections.samples],
        "names": {protocol: PROTOCOLS[protocol] for protocol in detections.found},
        "protocols": {
            protocol: {
                "title": PROTOCOLS[protocol],
                "arms": {arm: ARMS[arm] for arm in by_arm},
                "keyframes": [
                    {
                        "num_truth": len(sample["gt_bboxes_3d"]),
                        "arms": {arm: _draw(sample, every[i]) for arm, every in by_arm.items()},
                    }
                    for i, sample in enumerate(detections.samples)
                ],
            }
            for protocol, by_arm in detections.found.items()
        },
        "legend": [
            {"name": "annotated", "color": as_hex(TRUTH_COLOR)},
            {"name": "predicted", "color": as_hex(PREDICTED_COLOR)},
        ],
        "radius": RADIUS,
        "match_distance": MATCH_DISTANCE,
    }
    missing = (reason,) if reason else name_unfinished(work, TASK, "boxes")
    return Section("boxes", "Boxes", content, missing=missing)


def take_surest(found: Any, num: int) -> Any:
    """Return the predictions of the highest scores, those first.

    Args:
        found: As in :class:`Detections`.
        num: How many at most.
    """
    return found[found.scores_3d.argsort(descending=True, stable=True)[:num]]


def count_matches(
    found: NDArray[np.floating[Any]],
    labels: NDArray[np.int64],
    truth: NDArray[np.floating[Any]],
    truth_labels: NDArray[np.int64],
    max_distance: float = MATCH_DISTANCE,
) -> int:
    """Count predictions that are near a true box of their class, as the devkit does.

    Each takes the nearest true box that is not taken, in the order given.

    Args:
        found: Centers (x, y) in m, those of the highest scores first, shape (N, 2).
        labels: Their classes, shape (N,).
        truth: Centers of the true boxes, shape (K, 2).
        truth_labels: Their classes, shape (K,).
        max_distance: Nearer than this, in m.
    """
    free = np.ones(len(truth), bool)
    for center, label in zip(found, labels, strict=True):
        distances = np.linalg.norm(truth - center, axis=1)
        distances[~(free & (truth_labels == label))] = np.inf
        if distances.min(initial=np.inf) < max_distance:
            free[distances.argmin()] = False
    return int((~free).sum())


def _load_truth(run: Run, num: int) -> list[Sample]:
    """Return keyframes with all cameras, and the boxes that are to be found."""
    cfg = read_run_config(run)
    crop = dict(type="CropBoxesToRange", point_cloud_range=[-RADIUS, -RADIUS, 0, RADIUS, RADIUS, 0])
    cfg.test_dataloader.dataset.update(cameras=None, with_boxes=True)
    dataset = build_test_set(cfg, [*_LOADING, crop])
    return [dataset[index] for index in spread(len(dataset), num)]


def _draw(sample: Sample, found: Any) -> dict[str, Any]:
    truth = sample["gt_bboxes_3d"]
    shown = take_surest(_within(found, RADIUS), len(truth))
    layers = [(truth, TRUTH_COLOR), (shown.bboxes_3d, PREDICTED_COLOR)]
    above = draw_boxes_bev(sample["points"], layers, RADIUS, ABOVE_SIZE)
    scores = shown.scores_3d.tolist()
    return {
        "above": encode_drawing(above),
        "size": ABOVE_SIZE,
        "num": len(scores),
        "scores": (scores[0], scores[-1]) if scores else None,
        "matched": count_matches(
            shown.bboxes_3d.tensor[:, :2].numpy(),
            shown.labels_3d.numpy(),
            truth.tensor[:, :2].numpy(),
            sample["gt_labels_3d"],
        ),
        "views": [_draw_view(sample, view, shown) for view in view_order(sample)],
    }


def _within(found: Any, radius: float) -> Any:
    """Return the predictions whose centers are in the square that is shown."""
    return found[(found.bboxes_3d.tensor[:, :2].abs() < radius).all(dim=1)]


def _draw_view(sample: Sample, view: int, shown: Any) -> dict[str, Any]:
    classes = sample["box_classes"]
    scored = zip(shown.labels_3d.tolist(), shown.scores_3d.tolist(), strict=True)
    names = [f"{classes[label].replace('_', ' ')} {score:.2f}" for label, score in scored]
    picture = sample["imgs"][view]
    matrices: Mapping[str, Any] = {
        "lidar2cam": sample["lidar2cam"][view],
        "cam2img": sample["cam2img"][view],
    }
    truth = sample["gt_bboxes_3d"]
    picture = draw_boxes_image(picture, truth, color=TRUTH_COLOR, **matrices)
    picture = draw_boxes_image(
        picture, shown.bboxes_3d, color=PREDICTED_COLOR, labels=names, **matrices
    )
    return {
        "name": camera_name(sample, view),
        "src": encode_picture(picture, VIEW_WIDTH),
        "height": picture.shape[0],
        "width": picture.shape[1],
    }
