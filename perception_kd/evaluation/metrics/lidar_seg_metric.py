"""Intersection over union of LiDAR semantic segmentation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger
from numpy.typing import NDArray
from terminaltables import AsciiTable

from perception_kd.datasets.submission import Submission
from perception_kd.evaluation.lidar_seg_submission import classes_of_file, make_submission
from perception_kd.registry import METRICS


def confusion_matrix(
    truth: NDArray[np.int64], predicted: NDArray[np.int64], num_classes: int
) -> NDArray[np.int64]:
    """Count points by true and predicted class.

    Args:
        truth: Classes, shape (N,). Points with a value outside 0..num_classes - 1 are
            ignored.
        predicted: Predicted classes, shape (N,). Other values mean "no class".
        num_classes: Number of classes, C.

    Returns:
        Counts, rows true and columns predicted, the last column for "no class",
        shape (C, C + 1).
    """
    counted = (truth >= 0) & (truth < num_classes)
    truth, predicted = truth[counted], predicted[counted]
    known = (predicted >= 0) & (predicted < num_classes)
    column = np.where(known, predicted, num_classes)
    cells = truth * (num_classes + 1) + column
    counts = np.bincount(cells, minlength=num_classes * (num_classes + 1))
    return counts.reshape(num_classes, num_classes + 1)


def class_iou(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return TP / (TP + FP + FN) of each class.

    Args:
        confusion: Counts of :func:`confusion_matrix`, shape (C, C + 1).

    Returns:
        Shape (C,); NaN for a class without labels, which is not part of the mean.
    """
    hits = np.diagonal(confusion).astype(float)
    labeled = confusion.sum(axis=1)
    union = labeled + confusion[:, :-1].sum(axis=0) - hits
    return np.divide(hits, union, out=np.full_like(hits, np.nan), where=labeled > 0)


@dataclass(frozen=True)
class SampleResult:
    """Result of one sample, sent from every process to the first one.

    Attributes:
        confusion: Counts of :func:`confusion_matrix`; None if they are not needed.
        part: Evaluation set of the sample; None without a submission.
        num_unseen: Number of points in the submission without a prediction.
    """

    confusion: NDArray[np.int64] | None
    part: str | None
    num_unseen: int


@METRICS.register_module()
class LidarSegMetric(BaseMetric):
    """Mean IoU over the classes in the labels, from one confusion matrix.

    Every point with a label counts once; a point that the network did not see counts as
    wrong. If all classes occur, the mean equals that of nuScenes' devkit. The devkit
    averages a 0 for a class without labels as soon as one point is predicted as it.

    With several processes, a sample that the sampler repeated to fill the last batch
    counts once.

    Args:
        classes: Names of the classes, in order; None means those of the data set.
        format_only: Whether to only write the submission; samples then need no labels.
        submission_dir: Folder for the predictions in the format of the data set's
            official evaluation; None writes no files.
        submission_meta: As in
            :class:`~perception_kd.datasets.nuscenes.submission.NuScenesSubmission`.
        collect_device: "cpu" or "gpu", to collect results of several processes.
        prefix: Prefix of the names of the results.

    Raises:
        ValueError: If ``format_only`` is given without a folder.
    """

    default_prefix = "lidar_seg"

    def __init__(
        self,
        classes: Sequence[str] | None = None,
        format_only: bool = False,
        submission_dir: str | None = None,
        submission_meta: Mapping[str, bool] | None = None,
        collect_device: str = "cpu",
        prefix: str | None = None,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        if format_only and submission_dir is None:
            raise ValueError("submission_dir must be given with format_only, but got None.")
        self._classes = classes
        self.format_only = format_only
        self.submission_dir = submission_dir
        self.submission_meta = submission_meta

    @property
    def classes(self) -> list[str]:
        """Names of the classes."""
        if self._classes is None and "seg_classes" not in (self.dataset_meta or {}):
            raise ValueError(
                "LidarSegMetric needs classes, since the dataset has its own label_mapping."
            )
        return list(self._classes or self.dataset_meta["seg_classes"])

    @cached_property
    def _submission(self) -> Submission | None:
        if self.submission_dir is None:
            return None
        return make_submission(self.submission_dir, self.dataset_meta or {}, self.submission_meta)

    def process(self, data_batch: Any, data_samples: Sequence[dict[str, Any]]) -> None:
        """Add one batch: samples with ``pred_pts_seg``, and ``gt_pts_seg`` to score."""
        for sample in data_samples:
            predicted = sample["pred_pts_seg"]["pts_semantic_mask"].cpu().numpy()
            confusion, part, num_unseen = None, None, 0
            if self._submission is not None:
                count = self._submission.num_classes
                classes, num_unseen = classes_of_file(sample, predicted, count)
                part = self._submission.write(sample, classes)
            if not self.format_only:
                truth = sample["gt_pts_seg"]["pts_semantic_mask"].cpu().numpy()
                confusion = confusion_matrix(truth, predicted, len(self.classes))
            self.results.append(SampleResult(confusion, part, num_unseen))

    def compute_metrics(self, results: list[SampleResult]) -> dict[str, float]:
        """Return mIoU, accuracy and the IoU of each class present, in percent.

        Raises:
            ValueError: If no point has a label.
        """
        if self._submission is not None:
            self._finish(self._submission, results)
        if self.format_only:
            return {}
        confusion = np.sum([r.confusion for r in results if r.confusion is not None], axis=0)
        iou = 100 * class_iou(confusion)
        present = ~np.isnan(iou)
        if not present.any():
            raise ValueError("No point of the samples has a label.")
        self._log(iou, present)
        metrics = {f"iou_{n}": v for n, v, p in zip(self.classes, iou, present, strict=True) if p}
        accuracy = 100 * np.diagonal(confusion).sum() / confusion.sum()
        return {"miou": float(iou[present].mean()), "accuracy": float(accuracy), **metrics}

    def _finish(self, submission: Submission, results: list[SampleResult]) -> None:
        logger: MMLogger = MMLogger.get_current_instance()
        for sentence in submission.finish(r.part for r in results if r.part is not None):
            logger.warning(sentence)
        logger.info(f"Predictions of {len(results)} samples are in {self.submission_dir}")
        num_unseen = sum(r.num_unseen for r in results)
        if num_unseen:
            logger.warning(
                f"{num_unseen} points that the network did not see got the most frequent class of "
                "their sweep."
            )

    def _log(self, iou: NDArray[np.float64], present: NDArray[np.bool_]) -> None:
        logger: MMLogger = MMLogger.get_current_instance()
        rows = [
            [name, "-" if np.isnan(value) else f"{value:.2f}"]
            for name, value in zip(self.classes, iou, strict=True)
        ]
        logger.info("\n" + AsciiTable([["class", "IoU (%)"], *rows]).table)
        if not present.all():
            absent = [n for n, p in zip(self.classes, present, strict=True) if not p]
            logger.info(f"Not in the labels, so not in the mean: {', '.join(absent)}.")
