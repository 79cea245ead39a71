"""Section of predicted boxes, beside the ground truth."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from perception_kd.engine.run.inference import build_test_set
from perception_kd.experiments.report.encoding import as_hex, encode_drawing, encode_image
from perception_kd.experiments.report.layout import (
    Section,
    name_camera,
    name_keyframe,
    order_views,
)
from perception_kd.experiments.report.matching import (
    MATCH_DISTANCE,
    count_matches,
    select_shown,
)
from perception_kd.experiments.report.networks import (
    finished_runs,
    name_unfinished,
    predict_keyframes,
    protocols_of,
    read_run_config,
    spread,
)
from perception_kd.experiments.report.training_run import TrainingRun
from perception_kd.experiments.report.work_dir import WorkDir
from perception_kd.structures import Sample
from perception_kd.visualization.boxes import (
    PREDICTED_COLOR,
    TRUTH_COLOR,
    draw_boxes_bev,
    draw_boxes_image,
)

_TASK = "nuscenes"
RADIUS = 50.0  # m
BEV_SIZE, VIEW_WIDTH = 800, 640  # px
_LOADING = (dict(type="LoadPoints"), dict(type="LoadImages"), dict(type="LoadBoxes"))


@dataclass(frozen=True)
class Detections:
    """Keyframes, and the boxes predicted in them.

    Attributes:
        samples: Samples with ``gt_bboxes_3d`` and the images as stored.
        found: By protocol and initialization, one ``InstanceData`` of mmengine per
            keyframe, with ``bboxes_3d``, ``scores_3d`` and ``labels_3d``.
    """

    samples: list[Sample] = field(default_factory=list)
    found: dict[str, dict[str, list[Any]]] = field(default_factory=dict)


def load_detections(work: WorkDir, num: int) -> Detections:
    """Run the detectors of a demo on some keyframes, spread over the test set.

    Args:
        work: Work dir of the demo.
        num: Maximum number of keyframes.

    Raises:
        FileNotFoundError: If the data is missing.
    """
    samples: list[Sample] = []
    found = {}
    for protocol in protocols_of(work, _TASK):
        runs = finished_runs(work, protocol)
        found[protocol] = {
            initialization: [s.pred_instances_3d for s in predict_keyframes(run, num)]
            for initialization, run in runs.items()
        }
        samples = samples or [s for run in [*runs.values()][:1] for s in _load_truth(run, num)]
    return Detections(samples, {key: predicted for key, predicted in found.items() if predicted})


def boxes_section(work: WorkDir, detections: Detections, reason: str) -> Section:
    """Show ground-truth and predicted boxes of each initialization, in BEV and images.

    Scores of different networks are not comparable. Therefore each network shows as
    many boxes as there are in the ground truth: those with the highest scores.

    Args:
        work: Work dir of the demo.
        detections: Keyframes and predictions; may be empty.
        reason: Why they could not be loaded; empty if they could.
    """
    titles = work.comparison.protocol_titles
    names = work.comparison.initialization_titles
    content = {
        "titles": [name_keyframe(sample) for sample in detections.samples],
        "names": {protocol: titles[protocol] for protocol in detections.found},
        "protocols": {
            protocol: {
                "title": titles[protocol],
                "initializations": {key: names[key] for key in predicted},
                "keyframes": [
                    {
                        "num_truth": len(sample["gt_bboxes_3d"]),
                        "drawings": {
                            key: _draw(sample, boxes[i]) for key, boxes in predicted.items()
                        },
                    }
                    for i, sample in enumerate(detections.samples)
                ],
            }
            for protocol, predicted in detections.found.items()
        },
        "legend": [
            {"name": "annotated", "color": as_hex(TRUTH_COLOR)},
            {"name": "predicted", "color": as_hex(PREDICTED_COLOR)},
        ],
        "radius": RADIUS,
        "match_distance": MATCH_DISTANCE,
    }
    missing = (reason,) if reason else name_unfinished(work, _TASK, "boxes")
    return Section("boxes", "Boxes", content, missing=missing)


def _load_truth(run: TrainingRun, num: int) -> list[Sample]:
    """Return keyframes with all cameras and the true boxes within ``RADIUS``."""
    cfg = read_run_config(run)
    crop = dict(type="CropBoxesToRange", point_cloud_range=[-RADIUS, -RADIUS, 0, RADIUS, RADIUS, 0])
    cfg.test_dataloader.dataset.update(cameras=None, with_boxes=True)
    dataset = build_test_set(cfg, [*_LOADING, crop])
    return [dataset[index] for index in spread(len(dataset), num)]


def _draw(sample: Sample, found: Any) -> dict[str, Any]:
    truth = sample["gt_bboxes_3d"]
    shown = select_shown(found, len(truth), RADIUS)
    layers = [(truth, TRUTH_COLOR), (shown.bboxes_3d, PREDICTED_COLOR)]
    bev = draw_boxes_bev(sample["points"], layers, RADIUS, BEV_SIZE)
    scores = shown.scores_3d.tolist()
    return {
        "bev": {"src": encode_drawing(bev), "width": BEV_SIZE, "height": BEV_SIZE},
        "num": len(scores),
        "scores": (scores[0], scores[-1]) if scores else None,
        "matched": count_matches(
            shown.bboxes_3d.tensor[:, :2].numpy(),
            shown.labels_3d.numpy(),
            truth.tensor[:, :2].numpy(),
            sample["gt_labels_3d"],
        ),
        "views": [_draw_view(sample, view, shown) for view in order_views(sample)],
    }


def _draw_view(sample: Sample, view: int, shown: Any) -> dict[str, Any]:
    classes = sample["box_classes"]
    scored = zip(shown.labels_3d.tolist(), shown.scores_3d.tolist(), strict=True)
    names = [f"{classes[label].replace('_', ' ')} {score:.2f}" for label, score in scored]
    image = sample["imgs"][view]
    matrices: Mapping[str, Any] = {
        "lidar2cam": sample["lidar2cam"][view],
        "cam2img": sample["cam2img"][view],
    }
    truth = sample["gt_bboxes_3d"]
    image = draw_boxes_image(image, truth, color=TRUTH_COLOR, **matrices)
    image = draw_boxes_image(
        image, shown.bboxes_3d, color=PREDICTED_COLOR, labels=names, **matrices
    )
    return {
        "name": name_camera(sample, view),
        "src": encode_image(image, VIEW_WIDTH),
        "height": image.shape[0],
        "width": image.shape[1],
    }
