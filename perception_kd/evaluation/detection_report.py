"""Report of detection scores: the table of classes, and remarks on what they mean."""

from collections.abc import Collection

from mmengine.logging import MMLogger
from nuscenes.eval.detection.data_classes import DetectionMetrics
from terminaltables import AsciiTable

from perception_kd.datasets.nuscenes.labels import NUSCENES_INFO_CLASSES
from perception_kd.evaluation.headings import MODULO_PI, heading_error_modulo_pi
from perception_kd.evaluation.nuscenes_boxes import (
    ERROR_NAMES,
    STALE_REMEDY,
    SampleEvaluation,
    average_scores,
    has_stale_coordinates,
)


def report_scores(
    metrics: DetectionMetrics,
    evaluation: SampleEvaluation,
    classes: Collection[str],
    what: str,
) -> dict[str, float]:
    """Log the scores with remarks on their meaning, and return them.

    Args:
        metrics: Result of the devkit.
        evaluation: What computed it.
        classes: Names of the classes to average over.
        what: Name of the samples that could be evaluated.

    Returns:
        The scores in the devkit's units, without NDS if a class is not nuScenes'.

    Raises:
        ValueError: If there is no box of the classes to score against.
    """
    logger: MMLogger = MMLogger.get_current_instance()
    every = [name for name in metrics.cfg.class_names if name in classes]
    present = [name for name in evaluation.present_classes if name in classes]
    if not present:
        raise ValueError("The samples have no ground-truth box in range.")
    unknown = evaluation.unknown_errors
    official = set(classes).issubset(NUSCENES_INFO_CLASSES)
    scores = average_scores(metrics, every, unknown)
    of_present = average_scores(metrics, present, unknown)
    rows = [
        [name, *(f"{metrics.mean_dist_aps[name]:.3f}" if name in present else "-",)]
        for name in every
    ]
    logger.info("\n" + AsciiTable([["class", "AP"], *rows]).table)
    _log_limits(logger, evaluation, every, what)
    if unknown:
        left_out = " and ".join(ERROR_NAMES[name] for name in unknown)
        logger.info(f"Without {left_out}: no box of the data has what it is the error of.")
    absent = [name for name in every if name not in present]
    if absent:
        logger.info(
            "Without ground truth, so missed in NDS and mAP by the official definition and "
            f"ignored in the values of present classes: {', '.join(absent)}."
        )
        scores |= {f"{name}_present": of_present[name] for name in ("NDS", "mAP")}
    heading_error = heading_error_modulo_pi(evaluation, every)
    if heading_error is not None:
        scores[MODULO_PI] = heading_error
    if has_stale_coordinates(of_present):
        logger.warning(STALE_REMEDY)
    if not official:
        scores = {k: v for k, v in scores.items() if not k.startswith("NDS")}
    return scores | {f"AP_{name}": float(metrics.mean_dist_aps[name]) for name in present}


def _log_limits(
    logger: MMLogger, evaluation: SampleEvaluation, classes: Collection[str], what: str
) -> None:
    """Log in what the scores differ from those of the benchmark."""
    num_scored = len(evaluation.sample_tokens)
    if num_scored < evaluation.num_samples:
        of = f" of {what}" if what else ""
        logger.warning(
            f"Scored {num_scored} of {evaluation.num_samples} samples{of}: not comparable "
            "with scores on all of them."
        )
    if set(classes) != set(NUSCENES_INFO_CLASSES):
        logger.info(
            f"Means are over {', '.join(classes)}: not comparable with those over nuScenes' ten "
            "classes."
        )
