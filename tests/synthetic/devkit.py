"""Official evaluation of nuscenes-devkit on a synthetic data set."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from nuscenes.eval.detection.config import config_factory
from nuscenes.eval.detection.evaluate import DetectionEval
from nuscenes.eval.detection.utils import category_to_detection_name
from nuscenes.nuscenes import NuScenes
from nuscenes.utils.splits import create_splits_scenes


def evaluate_perfect_boxes(nusc: NuScenes, folder: Path) -> dict[str, Any]:
    """Return the official detection metrics of the annotations as predictions.

    Boxes without points are dropped, as the devkit drops them from the ground truth.
    """
    names = create_splits_scenes()["mini_val"]
    scenes = {scene["token"] for scene in nusc.scene if scene["name"] in names}
    samples = [x for x in nusc.sample if x["scene_token"] in scenes]
    truth = {x["token"]: [nusc.get("sample_annotation", t) for t in x["anns"]] for x in samples}
    results = {
        token: [_as_result(nusc, record) for record in records if record["num_lidar_pts"]]
        for token, records in truth.items()
    }
    meta = {f"use_{x}": x == "lidar" for x in ("camera", "lidar", "radar", "map", "external")}
    path = folder / "results.json"
    kept = {token: [box for box in boxes if box] for token, boxes in results.items()}
    path.write_text(json.dumps({"meta": meta, "results": kept}))
    config = config_factory("detection_cvpr_2019")
    evaluation = DetectionEval(nusc, config, str(path), "mini_val", str(folder), verbose=False)
    summary: dict[str, Any] = evaluation.evaluate()[0].serialize()
    return summary


def _as_result(nusc: NuScenes, record: dict[str, Any]) -> dict[str, Any] | None:
    name = category_to_detection_name(record["category_name"])
    if name is None:
        return None
    attributes = [nusc.get("attribute", t)["name"] for t in record["attribute_tokens"]]
    return {
        "sample_token": record["sample_token"],
        "translation": record["translation"],
        "size": record["size"],
        "rotation": record["rotation"],
        "velocity": np.nan_to_num(nusc.box_velocity(record["token"])[:2]).tolist(),
        "detection_name": name,
        "detection_score": 1.0,
        "attribute_name": attributes[0] if attributes else "",
    }
