"""Metrics for mmengine's evaluator."""

from perception_kd.evaluation.metrics.lidar_seg_metric import LidarSegMetric
from perception_kd.evaluation.metrics.map_seg_metric import MapSegMetric
from perception_kd.evaluation.metrics.mean_over_batches import MeanOverBatches
from perception_kd.evaluation.metrics.nuscenes_det_metric import NuScenesDetMetric

__all__ = ["LidarSegMetric", "MapSegMetric", "MeanOverBatches", "NuScenesDetMetric"]
