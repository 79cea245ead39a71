"""Intersection over union of LiDAR semantic segmentation."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger
from numpy.typing import NDArray
from terminaltables import AsciiTable

from perception_kd.registry import METRICS


def confusion_matrix(
    truth: NDArray[np.int64], predicted: NDArray[np.int64], num_classes: int
) -> NDArray[np.int64]:
    """Count points by true and predicted class.

    Args:
        truth: Classes, shape (N,). Points with another value than 0..num_classes - 1 do
            not count.
        predicted: Predicted classes, shape (N,). Another value means "none of them".
        num_classes: Number of classes, C.

    Returns:
        Counts, rows true and columns predicted, the last column for "none of them",
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
        Shape (C,); NaN for a class that is in no label: it says nothing about the
        network and takes no part in a mean.
    """
    hits = np.diagonal(confusion).astype(float)
    labeled = confusion.sum(axis=1)
    union = labeled + confusion[:, :-1].sum(axis=0) - hits
    return np.divide(hits, union, out=np.full_like(hits, np.nan), where=labeled > 0)


@METRICS.register_module()
class LidarSegMetric(BaseMetric):
    """Mean IoU over the classes that the labels hold, from one integer matrix.

    Every point with a label counts once; one that the network did not see counts as
    wrong.

    Args:
        classes: Names of the classes, in order of their index; the data set's where not
            given.
        collect_device: "cpu" or "gpu", for several processes.
        prefix: Put before the names of the results.
    """

    default_prefix = "lidar_seg"

    def __init__(
        self,
        classes: Sequence[str] | None = None,
        collect_device: str = "cpu",
        prefix: str | None = None,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        self._classes = classes

    @property
    def classes(self) -> list[str]:
        """Names of the classes."""
        if self._classes is None and "seg_classes" not in (self.dataset_meta or {}):
            raise ValueError(
                "classes must be given where the data set has a label mapping of its own."
            )
        return list(self._classes or self.dataset_meta["seg_classes"])

    def process(self, data_batch: Any, data_samples: Sequence[dict[str, Any]]) -> None:
        """Add one batch: samples with ``gt_pts_seg`` and ``pred_pts_seg``."""
        for sample in data_samples:
            truth = sample["gt_pts_seg"]["pts_semantic_mask"].cpu().numpy()
            predicted = sample["pred_pts_seg"]["pts_semantic_mask"].cpu().numpy()
            self.results.append(confusion_matrix(truth, predicted, len(self.classes)))

    def compute_metrics(self, results: list[NDArray[np.int64]]) -> dict[str, float]:
        """Return mIoU, accuracy and the IoU of each class present, in percent."""
        confusion = np.sum(results, axis=0)
        iou = 100 * class_iou(confusion)
        present = ~np.isnan(iou)
        if not present.any():
            raise ValueError("The labels must hold at least one class, but got none.")

        logger: MMLogger = MMLogger.get_current_instance()
        rows = [
            [name, "-" if np.isnan(value) else f"{value:.2f}"]
            for name, value in zip(self.classes, iou, strict=True)
        ]
        logger.info("\n" + AsciiTable([["class", "IoU (%)"], *rows]).table)
        if not present.all():
            absent = [n for n, p in zip(self.classes, present, strict=True) if not p]
            logger.info(f"Not in the labels, so not in the mean: {', '.join(absent)}.")

        metrics = {f"iou_{n}": v for n, v, p in zip(self.classes, iou, present, strict=True) if p}
        accuracy = 100 * np.diagonal(confusion).sum() / confusion.sum()
        return {"miou": float(iou[present].mean()), "accuracy": float(accuracy), **metrics}
