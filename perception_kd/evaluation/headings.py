"""Error of headings up to half a turn, besides the devkit's."""

import copy
from collections.abc import Iterable

import numpy as np
from nuscenes.eval.common.data_classes import EvalBoxes
from nuscenes.eval.common.utils import center_distance
from nuscenes.eval.detection.algo import accumulate, calc_tp

from perception_kd.evaluation.nuscenes_boxes import SampleEvaluation

# The devkit compares the headings of this class up to half a turn.
_SYMMETRIC = "barrier"
_WITHOUT_HEADING = ("traffic_cone",)
MODULO_PI = "mAOE_mod_pi"


def heading_error_modulo_pi(evaluation: SampleEvaluation, classes: Iterable[str]) -> float | None:
    """Return the mean heading error of true positives in rad, modulo pi, 0 to pi / 2.

    A network learns the axis of a vehicle before its direction: mAOE is large until it
    knows which end is the front, and this error is not. Matching, averaging over recall
    and the value 1 for a class without matches are the devkit's.

    Args:
        evaluation: The boxes and settings.
        classes: Names of the classes to average over.

    Returns:
        None if no class has headings.
    """
    settings = evaluation.cfg
    errors = []
    for name in (name for name in classes if name not in _WITHOUT_HEADING):
        truth, predicted = (
            _as_symmetric(boxes, name) for boxes in (evaluation.gt_boxes, evaluation.pred_boxes)
        )
        data = accumulate(truth, predicted, _SYMMETRIC, center_distance, settings.dist_th_tp)
        errors.append(calc_tp(data, settings.min_recall, "orient_err"))
    known = [error for error in errors if np.isfinite(error)]
    return float(np.mean(known)) if known else None


def _as_symmetric(boxes: EvalBoxes, name: str) -> EvalBoxes:
    """Return the boxes of a class under the name whose headings are symmetric."""
    renamed = EvalBoxes()
    for token in boxes.sample_tokens:
        chosen = [copy.copy(box) for box in boxes[token] if box.detection_name == name]
        for box in chosen:
            box.detection_name = _SYMMETRIC
        renamed.add_boxes(token, chosen)
    return renamed
