"""A demo's leavings, made up: logs of runs, and a keyframe of two kinds of points."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from perception_kd.datasets.semantic_labels import NUSCENES_CLASSES
from perception_kd.visualization.report.keyframes import Keyframe

CAR, ROAD = NUSCENES_CLASSES.index("car"), NUSCENES_CLASSES.index("driveable_surface")
HEIGHT, WIDTH = 36, 64


def write_log(run: Path, rows: list[dict[str, Any]], name: str = "20260101_000000") -> None:
    """Write lines as mmengine logs them."""
    path = run / name / "vis_data" / "scalars.json"
    path.parent.mkdir(parents=True)
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")


def training_rows(losses: list[float], first_step: int = 1) -> list[dict[str, Any]]:
    """Return the lines of a training, two steps an epoch."""
    steps = range(first_step, first_step + len(losses))
    return [
        {"lr": 0.1, "loss": loss, "epoch": (step + 1) // 2, "iter": step, "step": step}
        for step, loss in zip(steps, losses, strict=True)
    ]


def write_demo(folder: Path) -> Path:
    """Write a finished demo of two seeds, without checkpoints."""
    scores = {
        "random": {"linear_probe": [10.0, 14.0], "finetune_10": [20.0, 24.0]},
        "slidr": {"linear_probe": [30.0, 36.0], "finetune_10": [40.0, 41.0]},
    }
    for arm, by_protocol in scores.items():
        for protocol, values in by_protocol.items():
            for seed, value in enumerate(values):
                run = folder / protocol / arm / f"seed{seed}"
                score = {"lidar_seg/miou": value, "lidar_seg/iou_car": value - 5, "step": 1}
                write_log(run, [*training_rows([3.0, 2.0 - seed]), score])
    validation = {"val/loss_contrast": 5.5, "step": 1}
    write_log(folder / "pretrain" / "slidr" / "seed0", [*training_rows([7.0, 5.0]), validation])
    results = {
        arm: {
            protocol: {
                "seeds": {str(seed): value for seed, value in enumerate(values)},
                "mean": float(np.mean(values)),
                "std": float(np.std(values, ddof=1)),
            }
            for protocol, values in by_protocol.items()
        }
        for arm, by_protocol in scores.items()
    }
    summary = {
        "results": results,
        "settings": {"seeds": 2},
        "seconds": {"data": 100.0, "pretrain-slidr-seed0": 200.0, "total": 300.0},
        "versions": {"perception_kd": "0", "commit": None},
    }
    (folder / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    return folder


def make_keyframe(token: str = "0123456789") -> Keyframe:
    """Return a keyframe of a car (rows 0..199) on a road (rows 200..599).

    The car's points and the left half of each image have one feature, the road's and
    the right half another, both with a little noise. View 0 sees rows 0 and 200.
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
    sample = {
        "sample_token": token,
        "scene_name": "scene-0001",
        "points": points,
        "pts_semantic_mask": labels,
        "cam_names": ["CAM_FRONT", "CAM_BACK"],
        "imgs": [np.full((HEIGHT, WIDTH, 3), level, np.uint8) for level in (60, 160)],
        "superpixels": [np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH) // 400] * 2,
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
