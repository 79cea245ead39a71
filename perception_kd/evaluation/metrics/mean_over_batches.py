"""Validation losses and monitors of a pre-trainer."""

from collections.abc import Sequence
from typing import Any

from mmengine.evaluator import BaseMetric

from perception_kd.registry import METRICS


@METRICS.register_module()
class MeanOverBatches(BaseMetric):
    """Average every value that a pre-trainer returns in mode "predict".

    A contrastive loss depends on the number of negatives, so compare only runs with the
    same validation batch size.
    """

    def process(self, data_batch: Any, data_samples: Sequence[dict[str, float]]) -> None:
        """Keep the values of one batch."""
        self.results.extend(data_samples)

    def compute_metrics(self, results: list[dict[str, float]]) -> dict[str, float]:
        """Return the mean of each value over the batches."""
        return {name: sum(r[name] for r in results) / len(results) for name in results[0]}
