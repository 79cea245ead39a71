"""Trackers of experiments: the run that they log to, and what they log.

A config names them as ``vis_backends`` of mmengine's visualizer.
"""

from perception_kd.engine.trackers.mlflow_tracker import MLflowTracker
from perception_kd.engine.trackers.tensorboard_tracker import TensorboardTracker
from perception_kd.engine.trackers.wandb_tracker import WandbTracker

__all__ = ["MLflowTracker", "TensorboardTracker", "WandbTracker"]
