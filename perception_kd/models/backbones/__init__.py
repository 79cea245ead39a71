"""Image and point backbones."""

from perception_kd.models.backbones.callable_teacher import CallableTeacher
from perception_kd.models.backbones.dilated_resnet import DilatedResNet
from perception_kd.models.backbones.efficientnet_lite import EfficientNetLite
from perception_kd.models.backbones.frozen import FrozenBackbone
from perception_kd.models.backbones.minkunet import MinkUNet
from perception_kd.models.backbones.swin_transformer import SwinTransformer
from perception_kd.models.backbones.vision_transformer import VisionTransformerTeacher

__all__ = [
    "CallableTeacher",
    "DilatedResNet",
    "EfficientNetLite",
    "FrozenBackbone",
    "MinkUNet",
    "SwinTransformer",
    "VisionTransformerTeacher",
]
