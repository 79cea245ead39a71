"""Metrics for mmengine's evaluator."""

from perception_kd.evaluation.metrics.lidar_seg_metric import LidarSegMetric
from perception_kd.evaluation.metrics.map_seg_metric import MapSegMetric
from perception_kd.evaluation.metrics.mean_over_batches import MeanOverBatches

__all__ = ["LidarSegMetric", "MapSegMetric", "MeanOverBatches"]
