"""nuScenes' official detection scores on any samples of a split."""

from collections.abc import Collection, Iterable
from pathlib import Path

import numpy as np
from nuscenes.eval.common.loaders import (
    add_center_dist,
    filter_eval_boxes,
    load_gt_of_sample_tokens,
    load_prediction,
)
from nuscenes.eval.detection.constants import TP_METRICS
from nuscenes.eval.detection.data_classes import DetectionBox, DetectionConfig, DetectionMetrics
from nuscenes.eval.detection.evaluate import DetectionEval
from nuscenes.nuscenes import NuScenes

# Errors of true positives: the devkit's names and the names in papers.
ERROR_NAMES = {
    "trans_err": "mATE",
    "scale_err": "mASE",
    "orient_err": "mAOE",
    "vel_err": "mAVE",
    "attr_err": "mAAE",
}
STALE_REMEDY = (
    "The centers are right, but sizes and headings are wrong (mASE about 0.71, mAOE about 1.55). "
    "This is typical of boxes in the coordinates of mmdet3d before 1.0 (width before length, yaw "
    "from another axis). Make the info files again with tools/create_data.py nuscenes, then "
    "train again: the weights have learned the old boxes."
)


class SampleEvaluation(DetectionEval):
    """The devkit's evaluation of the samples of a result file.

    A subclass sets what the devkit's constructor would set, and ``num_samples``.

    Attributes:
        num_samples: Number of samples of which those of the file are a part.
    """

    num_samples: int

    @property
    def present_classes(self) -> list[str]:
        """Names of the classes with ground-truth boxes, in the order of ``cfg``."""
        names = {box.detection_name for box in self.gt_boxes.all}
        return [name for name in self.cfg.class_names if name in names]

    @property
    def unknown_errors(self) -> list[str]:
        """Names of the errors of what no ground-truth box has."""
        has_velocity = any(np.isfinite(box.velocity).all() for box in self.gt_boxes.all)
        has_attribute = any(box.attribute_name for box in self.gt_boxes.all)
        known = {"vel_err": has_velocity, "attr_err": has_attribute}
        return [name for name, is_known in known.items() if not is_known]


class BoxEvaluation(SampleEvaluation):
    """The devkit's evaluation, restricted to the samples of the result file.

    The devkit evaluates exactly one whole split. On a whole split all numbers are equal
    to the devkit's.

    Args:
        nusc: Tables of the data set.
        config: Official settings.
        result_path: Result file in the official form.
        samples: Tokens of all samples of the splits.
        what: Name of the splits, for errors.

    Raises:
        ValueError: If a sample of the file is not in ``samples``.
    """

    def __init__(
        self,
        nusc: NuScenes,
        config: DetectionConfig,
        result_path: str | Path,
        samples: Collection[str],
        what: str,
    ) -> None:
        self.nusc, self.cfg, self.verbose = nusc, config, False
        self.pred_boxes, self.meta = load_prediction(
            str(result_path), config.max_boxes_per_sample, DetectionBox
        )
        self.num_samples = len(samples)
        asked = set(self.pred_boxes.sample_tokens)
        unknown = asked.difference(samples)
        if unknown:
            raise ValueError(
                f"{result_path} has {len(unknown)} samples that are not in {what}, such as "
                f"{min(unknown)}."
            )
        kept = [token for token in samples if token in asked]
        self.gt_boxes = load_gt_of_sample_tokens(nusc, kept, DetectionBox)
        for boxes in (self.pred_boxes, self.gt_boxes):
            add_center_dist(nusc, boxes)
            if boxes.all:  # the devkit fails without boxes
                filter_eval_boxes(nusc, boxes, config.class_range)
        self.sample_tokens = self.gt_boxes.sample_tokens


def average_scores(
    metrics: DetectionMetrics, classes: Iterable[str], unknown_errors: Collection[str] = ()
) -> dict[str, float]:
    """Return NDS, mAP and the five errors over some of the classes.

    Over all ten classes this is the official definition, in which a class without
    ground truth has AP 0 and errors of 1.

    Args:
        metrics: Result of the devkit.
        classes: Names of the classes to average over.
        unknown_errors: Errors to leave out, also of the NDS, by the devkit's names.
    """
    aps = [metrics.mean_dist_aps[name] for name in classes]
    scores = {"mAP": float(np.mean(aps))}
    for key in (name for name in TP_METRICS if name not in unknown_errors):
        errors = np.array([metrics.get_label_tp(name, key) for name in classes])
        # Cones have no heading, cones and barriers no velocity and no attribute.
        if not np.isnan(errors).all():
            scores[ERROR_NAMES[key]] = float(np.nanmean(errors))
    gains = [max(0.0, 1 - scores[name]) for name in ERROR_NAMES.values() if name in scores]
    weight = metrics.cfg.mean_ap_weight
    nds = (weight * scores["mAP"] + sum(gains)) / (weight + len(gains))
    return {"NDS": float(nds), **scores}


def has_stale_coordinates(scores: dict[str, float]) -> bool:
    """Return whether scores look like boxes in the coordinates of mmdet3d before 1.0.

    Width and length are then swapped and headings are off by 90 degrees or more, while
    centers, and therefore the mAP, are right.

    Args:
        scores: Result of :func:`average_scores` over the classes that are present.
    """
    return (
        scores["mAP"] > 0.1 and 0.6 < scores["mASE"] < 0.8 and 1.3 < scores.get("mAOE", 0.0) < 1.8
    )
