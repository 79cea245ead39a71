"""The neck of BEVFusion's cameras."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from torch import Tensor, nn

from perception_kd.registry import MODELS


@MODELS.register_module()
class GeneralizedLSSFPN(BaseModule):
    """Carry deep features to shallow maps: enlarge, concatenate, convolve.

    Where an FPN adds, this concatenates; each level is a 1x1, then a 3x3 convolution
    with batch norm and ReLU. The deepest level is only read. Names of parameters are
    those of BEVFusion.

    - BEVFusion, 2022, https://arxiv.org/abs/2205.13542

    Args:
        in_channels: Channels of each level, shallow first.
        out_channels: Channels of every result.
        init_cfg: As in mmengine.

    Raises:
        ValueError: If there are fewer than two levels.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        out_channels: int = 256,
        init_cfg: dict[str, object] | None = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        if len(in_channels) < 2:
            raise ValueError(f"in_channels must be of two or more levels, but got {in_channels}.")
        self.in_channels = tuple(in_channels)
        from_above = [*[out_channels] * (len(in_channels) - 2), in_channels[-1]]
        self.lateral_convs = nn.ModuleList(
            _conv(own + above, out_channels, kernel=1)
            for own, above in zip(in_channels[:-1], from_above, strict=True)
        )
        self.fpn_convs = nn.ModuleList(
            _conv(out_channels, out_channels, kernel=3) for _ in from_above
        )

    def forward(self, feats: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Return all levels but the deepest, shallow first, each (V, C, h, w).

        Raises:
            ValueError: If there are not as many levels as ``in_channels``.
        """
        if len(feats) != len(self.in_channels):
            raise ValueError(f"feats must be {len(self.in_channels)} levels, but got {len(feats)}.")
        above, outs = feats[-1], []
        for level in range(len(feats) - 2, -1, -1):
            size = feats[level].shape[2:]
            enlarged = F.interpolate(above, size=size, mode="bilinear", align_corners=False)
            above = self.lateral_convs[level](torch.cat([feats[level], enlarged], dim=1))
            above = self.fpn_convs[level](above)
            outs.append(above)
        return tuple(reversed(outs))


def _conv(in_channels: int, out_channels: int, kernel: int) -> nn.Module:
    return ConvModule(
        in_channels,
        out_channels,
        kernel,
        padding=kernel // 2,
        norm_cfg=dict(type="BN2d"),
        inplace=False,
    )
