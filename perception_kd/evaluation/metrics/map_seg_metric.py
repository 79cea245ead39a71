"""Intersection over union of bird's-eye-view map segmentation."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger
from numpy.typing import NDArray
from terminaltables import AsciiTable

from perception_kd.registry import METRICS
from perception_kd.utils.checks import check_classes

Counts = NDArray[np.int64]
THRESHOLDS = (0.35, 0.40, 0.45, 0.50, 0.55, 0.60, 0.65)


def count_cells(
    probabilities: NDArray[np.floating[Any]],
    truth: NDArray[np.bool_],
    thresholds: Sequence[float] = THRESHOLDS,
) -> Counts:
    """Count hits, false alarms and misses of each class at each threshold.

    Args:
        probabilities: Shape (classes, Y, X).
        truth: Same shape.
        thresholds: Smallest probabilities of a predicted cell.

    Returns:
        Shape (3, classes, thresholds).
    """
    counts = np.zeros((3, len(truth), len(thresholds)), dtype=np.int64)
    for t, threshold in enumerate(thresholds):
        predicted = probabilities >= threshold
        counts[0, :, t] = (predicted & truth).sum(axis=(1, 2))
        counts[1, :, t] = (predicted & ~truth).sum(axis=(1, 2))
        counts[2, :, t] = (~predicted & truth).sum(axis=(1, 2))
    return counts


@METRICS.register_module()
class MapSegMetric(BaseMetric):
    """IoU per class at fixed thresholds and at the best one, as in BEVFusion [1].

    Cells of all samples are counted together. By this protocol, the best threshold per
    class is chosen on the evaluated samples themselves, which is optimistic.

    - [1] BEVFusion: Multi-Task Multi-Sensor Fusion with Unified Bird's-Eye View
      Representation, 2022, https://arxiv.org/abs/2205.13542

    Args:
        classes: Names of the classes, in order of the masks' channels.
        thresholds: Smallest probabilities of a predicted cell.
        collect_device: "cpu" or "gpu", to collect results of several processes.
        prefix: Prefix of the names of the results.

    Raises:
        ValueError: If there is no class or no threshold.
    """

    default_prefix = "map"

    def __init__(
        self,
        classes: Sequence[str],
        thresholds: Sequence[float] = THRESHOLDS,
        collect_device: str = "cpu",
        prefix: str | None = None,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        if not classes or not thresholds:
            raise ValueError(
                f"classes and thresholds must not be empty, but got {classes} and {thresholds}."
            )
        self.classes = tuple(classes)
        self.thresholds = tuple(thresholds)

    def process(self, data_batch: Any, data_samples: Sequence[dict[str, Any]]) -> None:
        """Add one batch: samples with ``gt_bev_seg`` and ``pred_bev_seg``.

        Raises:
            ValueError: If a sample's ``map_classes`` differ.
        """
        for sample in data_samples:
            names = sample.get("map_classes", self.classes)
            check_classes("map_classes of predictions", names, self.classes)
            truth = sample["gt_bev_seg"]["masks"].cpu().numpy().astype(bool)
            probabilities = sample["pred_bev_seg"]["masks"].float().cpu().numpy()
            self.results.append(count_cells(probabilities, truth, self.thresholds))

    def compute_metrics(self, results: list[Counts]) -> dict[str, float]:
        """Return IoU by class and its mean, in percent.

        Returns:
            ``<class>_iou_max``, ``<class>_iou@<threshold>`` of the classes that the
            truth holds, and the means ``miou_max``, ``miou@<threshold>``.

        Raises:
            ValueError: If the truth holds no class at all.
        """
        hits, false_alarms, misses = np.sum(results, axis=0)
        present = (hits + misses)[:, 0] > 0
        if not present.any():
            raise ValueError("The maps of the samples are empty.")
        iou = 100 * hits[present] / (hits + false_alarms + misses)[present]  # (classes, thresholds)
        names = [n for n, p in zip(self.classes, present, strict=True) if p]
        self._log(names, iou)
        metrics = {"miou_max": float(iou.max(axis=1).mean())}
        metrics |= {
            f"miou@{t:.2f}": float(column.mean())
            for t, column in zip(self.thresholds, iou.T, strict=True)
        }
        for name, row in zip(names, iou, strict=True):
            metrics[f"{name}_iou_max"] = float(row.max())
            metrics |= {
                f"{name}_iou@{t:.2f}": float(value)
                for t, value in zip(self.thresholds, row, strict=True)
            }
        return metrics

    def _log(self, names: list[str], iou: NDArray[np.float64]) -> None:
        logger: MMLogger = MMLogger.get_current_instance()
        head = ["class", "best", *(f"@{t:.2f}" for t in self.thresholds)]
        rows = [
            [name, f"{row.max():.1f}", *(f"{value:.1f}" for value in row)]
            for name, row in zip(names, iou, strict=True)
        ]
        logger.info("Map IoU (%)\n" + AsciiTable([head, *rows]).table)
        absent = [name for name in self.classes if name not in names]
        if absent:
            logger.info(f"Not in the maps, so not in the mean: {', '.join(absent)}.")
