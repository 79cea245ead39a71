"""ResNet whose last strides are replaced by dilation, for dense features."""

from typing import ClassVar

from mmdet.models.backbones import ResNet
from mmengine.model import initialize
from torch import Tensor, nn

from perception_kd.models.backbones.teacher_weights import load_teacher_weights
from perception_kd.registry import MODELS

RESNET_FILES = (
    "MoCo v2 (moco_v2_800ep_pretrain.pth.tar), SwAV (swav_800ep_pretrain.pth.tar), "
    "DINO (dino_resnet50_pretrain.pth) or torchvision (resnet50-*.pth, resnet34-*.pth, ...)"
)


@MODELS.register_module()
class DilatedResNet(ResNet):
    """ResNet-18, 34 or 50 that keeps its resolution from ``out_stride`` on.

    Strides beyond ``out_stride`` are removed and the convolutions behind them dilated,
    so that every published weight still sees what it was trained on: the strided
    network's map is every second (fourth, eighth) cell of this one's. As torchvision's
    ``replace_stride_with_dilation``, and unlike mmdet's ``dilations``, the convolution
    that loses its stride keeps the dilation of the stage before. Parameter names are
    torchvision's.

    Convention:
        Cell (i, j) of the map is centered on row ``stride * i``, column ``stride * j``.

    Args:
        depth: 18, 34 or 50.
        out_stride: Stride of the map in px: 4 (SLidR), 8, 16 or 32 (PPKT).
        checkpoint: Local file in a published format (MoCo v2, SwAV, DINO, torchvision);
            None for random weights.

    Attributes:
        mean: Mean of the training images, RGB in 0..255.
        std: Standard deviation of these images.
        out_channels: Channels of the map.
        stride: Stride of the map in px.
        cell_offset: Position of the map's cell 0 in px.

    Raises:
        ValueError: If ``depth`` or ``out_stride`` has another value, or the checkpoint
            does not fit.
        FileNotFoundError: If there is no file at ``checkpoint``.
    """

    mean: ClassVar[tuple[float, ...]] = (123.675, 116.28, 103.53)
    std: ClassVar[tuple[float, ...]] = (58.395, 57.12, 57.375)
    cell_offset = 0.0

    def __init__(self, depth: int, out_stride: int = 4, checkpoint: str | None = None) -> None:
        if depth not in (18, 34, 50):
            raise ValueError(f"depth must be 18, 34 or 50, but got {depth}.")
        if out_stride not in (4, 8, 16, 32):
            raise ValueError(f"out_stride must be 4, 8, 16 or 32, but got {out_stride}.")
        super().__init__(depth, out_indices=(3,), zero_init_residual=False)
        self.out_channels = self.feat_dim
        self.stride = out_stride

        dilation = 1
        for nominal_stride, stage in ((8, self.layer2), (16, self.layer3), (32, self.layer4)):
            if nominal_stride > out_stride:
                _replace_stride(stage, dilation)
                dilation *= 2

        if checkpoint is None:
            initialize(self, self.init_cfg)
        load_teacher_weights(self, checkpoint, published=RESNET_FILES)

    def init_weights(self) -> None:
        """Keep the weights: mmengine's runner calls this to draw random ones."""

    def train(self, mode: bool = True) -> "DilatedResNet":
        """Set the mode and return the network, which mmdet's does not."""
        super().train(mode)
        return self

    def forward(self, imgs: Tensor) -> Tensor:
        """Return the last stage's map.

        Args:
            imgs: Normalized images, shape (V, 3, H, W).

        Returns:
            Shape (V, C, ceil(H / stride), ceil(W / stride)).
        """
        return super().forward(imgs)[-1]


def _replace_stride(stage: nn.Module, dilation: int) -> None:
    """Remove a stage's stride of 2 and dilate the layers after it twice as much.

    The convolution that had the stride still reads the map before it, with neighbors
    ``dilation`` cells apart; later ones read its own map, which is now twice as dense.
    """
    for conv in stage.modules():
        if not isinstance(conv, nn.Conv2d):
            continue
        had_stride = conv.stride != (1, 1)
        conv.stride = (1, 1)
        if conv.kernel_size != (1, 1):
            spacing = dilation if had_stride else 2 * dilation
            conv.dilation = conv.padding = (spacing, spacing)
