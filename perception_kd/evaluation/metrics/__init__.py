"""Metrics for mmengine's evaluator."""

from typing import TYPE_CHECKING, Any

from perception_kd.evaluation.metrics.lidar_seg_metric import LidarSegMetric
from perception_kd.evaluation.metrics.map_seg_metric import MapSegMetric
from perception_kd.evaluation.metrics.mean_over_batches import MeanOverBatches

if TYPE_CHECKING:
    from perception_kd.evaluation.metrics.nuscenes_det_metric import NuScenesDetMetric

__all__ = ["LidarSegMetric", "MapSegMetric", "MeanOverBatches", "NuScenesDetMetric"]


def __getattr__(name: str) -> Any:
    """Import the metric of detection, which takes a second, on its first use."""
    if name != "NuScenesDetMetric":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from perception_kd.evaluation.metrics.nuscenes_det_metric import NuScenesDetMetric

    return NuScenesDetMetric
