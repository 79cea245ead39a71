"""Metrics for mmengine's evaluator."""

from perception_kd.evaluation.metrics.lidar_seg_metric import LidarSegMetric
from perception_kd.evaluation.metrics.mean_over_batches import MeanOverBatches

__all__ = ["LidarSegMetric", "MeanOverBatches"]
