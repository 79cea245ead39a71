"""What programs use: pre-trained networks, as functions of points and images."""

from perception_kd.api.inference.calibration import Calibration
from perception_kd.api.inference.loading import load
from perception_kd.api.inference.network import TrainedNetwork

__all__ = ["Calibration", "TrainedNetwork", "load"]
