"""nuScenes' official scores of boxes: by the devkit, on any samples of a data set."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from nuscenes.eval.common.data_classes import EvalBoxes
from nuscenes.eval.common.loaders import (
    add_center_dist,
    filter_eval_boxes,
    load_gt,
    load_prediction,
)
from nuscenes.eval.detection.constants import TP_METRICS
from nuscenes.eval.detection.data_classes import DetectionBox, DetectionConfig, DetectionMetrics
from nuscenes.eval.detection.evaluate import DetectionEval
from nuscenes.nuscenes import NuScenes

# The devkit's names of the errors of true positives, and those that papers report.
ERROR_NAMES = {
    "trans_err": "mATE",
    "scale_err": "mASE",
    "orient_err": "mAOE",
    "vel_err": "mAVE",
    "attr_err": "mAAE",
}
STALE_REMEDY = (
    "The centers are right, but sizes and headings are wrong (mASE about 0.71, mAOE about 1.55): "
    "the mark of boxes in the coordinates of mmdet3d before 1.0, width before length and yaw from "
    "another axis. Make the info files again with tools/create_data.py nuscenes, then train "
    "again: the weights have learned the old boxes."
)


class BoxEvaluation(DetectionEval):
    """The devkit's evaluation of a result file on the samples that the file has.

    The devkit itself takes exactly one whole split. On a whole split all numbers are
    the devkit's own.

    Args:
        nusc: Tables of the data set.
        config: Official settings.
        result_path: Result file in the official form.
        eval_sets: The devkit's names of the splits that the samples are in.

    Attributes:
        num_samples: Samples that the splits have.

    Raises:
        ValueError: If a sample of the file is in none of the splits.
    """

    def __init__(
        self,
        nusc: NuScenes,
        config: DetectionConfig,
        result_path: str | Path,
        eval_sets: Iterable[str],
    ) -> None:
        self.nusc, self.cfg, self.verbose = nusc, config, False
        self.pred_boxes, self.meta = load_prediction(
            str(result_path), config.max_boxes_per_sample, DetectionBox
        )
        self.gt_boxes, self.num_samples = EvalBoxes(), 0
        asked = set(self.pred_boxes.sample_tokens)
        for eval_set in eval_sets:
            truth = load_gt(nusc, eval_set, DetectionBox)
            self.num_samples += len(truth.sample_tokens)
            for token in asked.intersection(truth.sample_tokens):
                self.gt_boxes.add_boxes(token, truth[token])
        strangers = asked.difference(self.gt_boxes.sample_tokens)
        if strangers:
            raise ValueError(
                f"result_path must hold samples of {', '.join(eval_sets)}, but got "
                f"{len(strangers)} others, such as {min(strangers)}."
            )
        for boxes in (self.pred_boxes, self.gt_boxes):
            add_center_dist(nusc, boxes)
            if boxes.all:  # the devkit fails on none at all
                filter_eval_boxes(nusc, boxes, config.class_range)
        self.sample_tokens = self.gt_boxes.sample_tokens

    @property
    def present_classes(self) -> list[str]:
        """Names of the classes that the truth has a box of, in the devkit's order."""
        names = {box.detection_name for box in self.gt_boxes.all}
        return [name for name in self.cfg.class_names if name in names]


def summarize(metrics: DetectionMetrics, classes: Iterable[str]) -> dict[str, float]:
    """Return NDS, mAP and the five errors over some of the classes.

    Over all ten classes this is the official definition, where a class without truth
    has AP 0 and errors of 1.

    Args:
        metrics: What the devkit computed.
        classes: Names of the classes that the means are over.
    """
    aps = [metrics.mean_dist_aps[name] for name in classes]
    scores = {"mAP": float(np.mean(aps))}
    for key in TP_METRICS:
        errors = np.array([metrics.get_label_tp(name, key) for name in classes])
        # Cones have no heading, cones and barriers no velocity and no attribute.
        if not np.isnan(errors).all():
            scores[ERROR_NAMES[key]] = float(np.nanmean(errors))
    gains = [max(0.0, 1 - scores[name]) for name in ERROR_NAMES.values() if name in scores]
    weight = metrics.cfg.mean_ap_weight
    nds = (weight * scores["mAP"] + sum(gains)) / (weight + len(gains))
    return {"NDS": float(nds), **scores}


def has_stale_coordinates(scores: dict[str, float]) -> bool:
    """Tell whether scores are those of boxes in the coordinates of mmdet3d before 1.0.

    Width and length are then taken for each other and headings are off by a quarter
    turn or more, while centers, and with them the mAP, are right.

    Args:
        scores: Of :func:`summarize`, over the classes that are present.
    """
    return (
        scores["mAP"] > 0.1 and 0.6 < scores["mASE"] < 0.8 and 1.3 < scores.get("mAOE", 0.0) < 1.8
    )
