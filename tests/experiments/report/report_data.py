"""Files of a fake demo, and fake keyframes, detections and maps."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmdet3d.structures import Det3DDataSample
from mmengine.structures import InstanceData, PixelData

from perception_kd.datasets.nuscenes.labels import NUSCENES_CLASSES
from perception_kd.datasets.transforms.boxes import make_boxes
from perception_kd.experiments import comparisons
from perception_kd.experiments.report.detections import Detections
from perception_kd.experiments.report.keyframes import Keyframe
from perception_kd.experiments.report.map_predictions import Maps, PredictedMaps
from perception_kd.experiments.results import average, pick_scores
from perception_kd.structures import Sample

CAR, ROAD = NUSCENES_CLASSES.index("car"), NUSCENES_CLASSES.index("driveable_surface")
HEIGHT, WIDTH = 36, 64
# Camera axes x right, y down, z forward from LiDAR axes x right, y forward, z up.
LIDAR2CAM = np.array([[1.0, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])


def write_log(run: Path, rows: list[dict[str, Any]], name: str = "20260101_000000") -> None:
    """Write rows as mmengine logs them."""
    path = run / name / "vis_data" / "scalars.json"
    path.parent.mkdir(parents=True)
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")


def training_rows(losses: list[float], first_step: int = 1) -> list[dict[str, Any]]:
    """Return the rows of a training with two steps per epoch."""
    steps = range(first_step, first_step + len(losses))
    return [
        {"lr": 0.1, "loss": loss, "epoch": (step + 1) // 2, "iter": step, "step": step}
        for step, loss in zip(steps, losses, strict=True)
    ]


# Percentages of two seeds by protocol and initialization.
SCORES = {
    "linear_probe": {"random": [10.0, 14.0], "slidr": [30.0, 36.0]},
    "finetune_10": {"random": [20.0, 24.0], "slidr": [40.0, 41.0]},
    "det_lidar_10": {"random": [12.0, 14.0], "prc": [16.0, 22.0]},
    "mapseg_probe": {"random": [25.0, 27.0], "rad": [30.0, 28.0]},
}


def fake_scores(protocol: str, value: float) -> dict[str, float]:
    """Return the scores of an evaluation whose main metric is ``value`` percent."""
    if protocol.startswith("det"):
        ap = {"nuscenes/AP_car": value / 100 + 0.1, "nuscenes/AP_pedestrian": 0.05}
        return {"nuscenes/NDS": value / 100, "nuscenes/mAP": value / 200, **ap}
    if protocol.startswith("mapseg"):
        best = {"map/drivable_area_iou_max": value + 20, "map/drivable_area_iou@0.40": value + 20}
        return {"map/miou_max": value, **best, "map/drivable_area_iou@0.50": value + 19}
    return {"lidar_seg/miou": value, "lidar_seg/iou_car": value - 5}


def write_demo(folder: Path) -> Path:
    """Write a finished demo of two seeds, without checkpoints."""
    for protocol, by_key in SCORES.items():
        for key, values in by_key.items():
            for seed, value in enumerate(values):
                run = folder / protocol / key / f"seed{seed}"
                score = {**fake_scores(protocol, value), "step": 1}
                write_log(run, [*training_rows([3.0, 2.0 - seed]), score])
    for method, losses in {
        "slidr": {"val/loss_contrast": 5.5},
        "prc": {"val/loss_plrc": 3.5, "val/loss_rapc": 2.5, "val/num_regions": 30.0},
        "rad": {"val/loss_rad": 4.5},
    }.items():
        validation = {**losses, "step": 1}
        write_log(folder / "pretrain" / method / "seed0", [*training_rows([7.0, 5.0]), validation])
    results = {
        protocol: {key: describe_scores(protocol, values) for key, values in by_key.items()}
        for protocol, by_key in SCORES.items()
    }
    seconds = {"data": 100.0, "infos": 20.0, "pretrain-slidr-seed0": 200.0}
    seconds |= {"det_lidar_10-prc-seed1": 50.0, "det_lidar_10-prc-seed1-test": 10.0}
    summary = {
        "results": results,
        "settings": {
            "seeds": 2,
            "configs": {"slidr": "configs/slidr/a.py"},
            "protocols": {name: comparisons.PROTOCOLS[name].about for name in SCORES},
        },
        "seconds": {**seconds, "report": 20.0, "total": 400.0},
        "versions": {"perception_kd": "0", "commit": None},
    }
    (folder / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    return folder


def describe_scores(protocol: str, values: list[float]) -> dict[str, dict[str, Any]]:
    """Return the entry of one initialization in the summary."""
    metrics = comparisons.PROTOCOLS[protocol].metrics
    found = [pick_scores(fake_scores(protocol, value), metrics) for value in values]
    return {
        m.name: average({str(seed): row[m.name] for seed, row in enumerate(found)}) for m in metrics
    }


def make_keyframe(token: str = "0123456789") -> Keyframe:
    """Return a keyframe with a car (rows 0..199) on a road (rows 200..599).

    The points of the car and the left half of each image have one feature, the road
    and the right half another, both with some noise. Image 0 shows rows 0 and 200.
    """
    rng = np.random.default_rng(0)
    car = rng.uniform((-6, 4, -1), (6, 12, 2), (200, 3))
    road = np.c_[rng.uniform(-40, 40, (400, 2)), np.full(400, -1.8)]
    points = np.zeros((601, 5), np.float32)
    points[:600, :3] = np.concatenate([car, road])
    points[600, :3] = (70, 0, 0)  # too far to be shown
    labels = np.r_[np.full(200, CAR), np.full(400, ROAD), 255]
    kinds = np.eye(64, dtype=np.float32)[:2]
    point_feats = kinds[(np.arange(600) >= 200).astype(int)]
    cells = np.broadcast_to((np.arange(8) >= 4).astype(int), (2, 4, 8))
    superpixels = np.arange(HEIGHT * WIDTH, dtype=np.int32).reshape(HEIGHT, WIDTH) // 400
    sample: Sample = {
        "sample_token": token,
        "scene_name": "scene-0001",
        "points": points,
        "pts_semantic_mask": labels,
        "cam_names": ["CAM_FRONT", "CAM_BACK"],
        "imgs": [np.full((HEIGHT, WIDTH, 3), level, np.uint8) for level in (60, 160)],
        "region_ids": np.r_[np.zeros(200), np.full(401, -1)].astype(np.int32),
        "superpixels": [superpixels] * 2,
        "pairing_points": np.array([0, 200, 600]),
        "pairing_images": np.array([[0, 18, 16], [0, 18, 48], [1, 0, 0]]),
    }
    return Keyframe(
        sample,
        NUSCENES_CLASSES,
        np.arange(600),
        np.ones(600, bool),
        (point_feats + rng.normal(0, 0.02, (600, 64))).astype(np.float32),
        (kinds[cells] + rng.normal(0, 0.02, (2, 4, 8, 64))).astype(np.float32),
        {"random": np.full(600, ROAD), "slidr": labels[:600]},
    )


def boxes_at(*centers: tuple[float, float]) -> Any:
    """Return boxes of 4 x 2 x 2 m on the ground that face along x."""
    return make_boxes(np.array([[x, y, 0.0, 4.0, 2.0, 2.0, 0, 0, 0] for x, y in centers]))


def found_boxes(
    centers: list[tuple[float, float]], scores: list[float], labels: list[int]
) -> InstanceData:
    """Return predictions in the format of a detector."""
    return InstanceData(
        bboxes_3d=boxes_at(*centers),
        scores_3d=torch.tensor(scores),
        labels_3d=torch.tensor(labels),
    )


def make_detections(*tokens: str) -> Detections:
    """Return keyframes with a car (10, 20) and a pedestrian (-10, 20).

    The random network finds neither, the pre-trained one finds the car; each also
    predicts a third box with a low score, far from both.
    """
    samples: list[Sample] = [
        {
            "sample_token": token,
            "scene_name": "scene-0001",
            "points": np.zeros((1, 5), np.float32),
            "cam_names": ["CAM_BACK", "CAM_FRONT"],
            "imgs": [np.full((HEIGHT, WIDTH, 3), level, np.uint8) for level in (60, 160)],
            # A camera that faces backward, and one that faces forward.
            "lidar2cam": np.array([np.diag([-1.0, 1, -1, 1]), np.eye(4)]) @ LIDAR2CAM,
            "cam2img": np.array([[[32.0, 0, 32], [0, 32, 18], [0, 0, 1]]] * 2),
            "box_classes": ("car", "pedestrian"),
            "gt_bboxes_3d": boxes_at((10, 20), (-10, 20)),
            "gt_labels_3d": np.array([0, 1]),
        }
        for token in tokens
    ]
    third = (0.0, -30.0)
    found = {
        "random": found_boxes([third, (10, 10), (-10, 10)], [0.1, 0.2, 0.3], [0, 0, 1]),
        "prc": found_boxes([(11, 20), third, (-10, 15)], [0.6, 0.2, 0.4], [0, 0, 1]),
    }
    return Detections(
        samples, {"det_lidar_10": {key: [f] * len(tokens) for key, f in found.items()}}
    )


def make_maps(*tokens: str) -> Maps:
    """Return maps of 4 x 4 cells with a road on the left and a divider at its edge.

    The random network predicts road everywhere, the pre-trained one the true road.
    """
    truth = np.zeros((2, 4, 4), np.uint8)
    truth[0, :, :2] = truth[1, :, 1] = 1
    probabilities = {"random": np.full(truth.shape, 0.4), "rad": 0.2 + 0.6 * truth}
    thresholds = {"drivable_area": 0.35, "divider": 0.5}
    return {
        "mapseg_probe": {
            key: PredictedMaps(
                [_map_sample(token, truth, probability) for token in tokens],
                ("drivable_area", "divider"),
                thresholds,
            )
            for key, probability in probabilities.items()
        }
    }


def _map_sample(token: str, truth: Any, probabilities: Any) -> Det3DDataSample:
    sample = Det3DDataSample(metainfo={"sample_token": token, "scene_name": "scene-0001"})
    sample.gt_bev_seg = PixelData(masks=torch.from_numpy(truth))
    sample.pred_bev_seg = PixelData(masks=torch.from_numpy(probabilities))
    return sample
