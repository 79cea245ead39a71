"""mmdet's Swin Transformer, with published weights loaded by report."""

from mmdet.models.backbones import SwinTransformer as MMDetSwinTransformer
from mmdet.models.backbones.swin import swin_converter
from mmengine.model import BaseModule
from torch import Tensor

from perception_kd.checkpoints.matching import strip_prefix
from perception_kd.registry import MODELS

# What mmdet's converter puts before every name.
_CONVERTED = "backbone."


@MODELS.register_module()
class SwinTransformer(MMDetSwinTransformer):
    """mmdet's network; ``init_cfg=dict(type="Pretrained", ...)`` reports its load.

    mmdet's own way leaves what does not match at random without a word. Files of the
    authors (``swin_tiny_patch4_window7_224.pth``) and of mmdet both load.
    """

    def init_weights(self) -> None:
        """Initialize at random, or as ``init_cfg`` says."""
        if self.init_cfg is None:
            super().init_weights()
        else:
            BaseModule.init_weights(self)

    def train(self, mode: bool = True) -> "SwinTransformer":
        """Set the mode; unlike mmdet's, return the network as torch's modules do."""
        super().train(mode)
        return self

    @staticmethod
    def from_published(state_dict: dict[str, Tensor]) -> dict[str, Tensor]:
        """Convert the authors' names and layouts to mmdet's; keep mmdet's own."""
        if not any(name.startswith("layers.") for name in state_dict):
            return state_dict
        return strip_prefix(swin_converter(state_dict), _CONVERTED, [])
