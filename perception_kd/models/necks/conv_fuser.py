"""BEV maps of several sensors to one."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from perception_kd.registry import MODELS


@MODELS.register_module()
class ConvFuser(nn.Sequential):
    """Concatenate maps of one grid and convolve them, as BEVFusion does.

    - BEVFusion, 2022, https://arxiv.org/abs/2205.13542, Sec. 3.3

    Args:
        in_channels: Channels of each map, in the order in which they come.
        out_channels: Channels of the result.
    """

    def __init__(self, in_channels: Sequence[int], out_channels: int) -> None:
        super().__init__(
            nn.Conv2d(sum(in_channels), out_channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True),
        )
        self.in_channels = tuple(in_channels)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Fuse maps (B, C_i, Y, X) into one (B, C, Y, X).

        Raises:
            ValueError: If channels or sizes are not those expected.
        """
        # Numbers of sizes, also while ONNX traces, where they are tensors.
        channels = tuple(int(bev.shape[1]) for bev in maps)
        sizes = {tuple(map(int, bev.shape[2:])) for bev in maps}
        if channels != self.in_channels or len(sizes) > 1:
            raise ValueError(
                f"maps must have {self.in_channels} channels and one size, but got "
                f"{[tuple(bev.shape) for bev in maps]}; let both sensors use one grid."
            )
        fused = torch.cat(list(maps), dim=1)
        for layer in self:
            fused = layer(fused)
        return fused
