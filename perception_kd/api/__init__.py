"""Entry points for programs: pre-training, and trained networks as functions."""

from perception_kd.api.inference.calibration import Calibration
from perception_kd.api.inference.loading import load
from perception_kd.api.inference.network import TrainedNetwork
from perception_kd.api.pretraining.arguments import PretrainOptions
from perception_kd.api.pretraining.pretrain import Pretrained, pretrain

__all__ = ["Calibration", "PretrainOptions", "Pretrained", "TrainedNetwork", "load", "pretrain"]
