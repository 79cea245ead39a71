"""MinkUNet: a sparse convolutional U-Net over voxels."""

from collections.abc import Sequence

import torch
from mmdet3d.models.backbones import MinkUNetBackbone
from mmdet3d.models.layers import SparseBasicBlock, make_sparse_convmodule
from spconv.pytorch import SparseConvTensor, SparseSequential
from torch import Tensor, nn

import perception_kd.ops  # noqa: F401  (spconv, or what takes its place)
from perception_kd.ops.batch_norm import VoxelBatchNorm
from perception_kd.registry import MODELS
from perception_kd.utils.checks import check_shape


@MODELS.register_module()
class MinkUNet(MinkUNetBackbone):
    """Sparse U-Net of residual blocks with skips between encoder and decoder [1].

    It has one 3^3 convolution, encoder stages that halve the resolution (2^3
    convolution of stride 2, residual blocks) and decoder stages that double it (inverse
    2^3 convolution, skip, residual blocks), so every input voxel has an output feature.
    The defaults are SLidR's MinkUNet-34 (Res16UNet34C) [2];
    ``encoder_blocks=(2, 2, 2, 2)`` makes MinkUNet-18.

    mmdet3d's ``MinkUNetBackbone`` departs from [1, 2] in three points, corrected here:
    it has a second convolution in the stem; it takes sizes from the largest
    coordinates, so strided convolutions drop the last layer of voxels if a size is odd;
    and it takes the batch size from the last row, which is wrong if the last point
    cloud is empty. Parameters keep mmdet3d's names.

    - [1] 4D Spatio-Temporal ConvNets: Minkowski Convolutional Neural Networks, 2019,
      https://arxiv.org/abs/1904.08755
    - [2] Image-to-Lidar Self-Supervised Distillation for Autonomous Driving Data, 2022,
      https://arxiv.org/abs/2203.16258

    Args:
        in_channels: Number of features per voxel.
        base_channels: Channels of the stem.
        encoder_channels: Channels of each encoder stage, finest first.
        encoder_blocks: Residual blocks of each encoder stage.
        decoder_channels: Channels of each decoder stage, coarsest first; the last is
            the number of output channels.
        decoder_blocks: Residual blocks of each decoder stage.
        bn_momentum: Momentum of the batch norms outside of residual paths: stem,
            stride, inverse and shortcut convolutions. SLidR uses 0.05 in pre-training
            and 0.02 afterwards.
        bn_momentum_blocks: Momentum of the batch norms inside residual paths. SLidR's
            published code uses 0.1 there, regardless of its configuration.

    Raises:
        ValueError: If the settings of stages differ in length.
    """

    def __init__(
        self,
        in_channels: int = 1,
        base_channels: int = 32,
        encoder_channels: Sequence[int] = (32, 64, 128, 256),
        encoder_blocks: Sequence[int] = (2, 3, 4, 6),
        decoder_channels: Sequence[int] = (256, 128, 96, 96),
        decoder_blocks: Sequence[int] = (2, 2, 2, 2),
        bn_momentum: float = 0.05,
        bn_momentum_blocks: float = 0.1,
    ) -> None:
        settings = (encoder_channels, encoder_blocks, decoder_channels, decoder_blocks)
        if len({len(setting) for setting in settings}) != 1:
            raise ValueError(
                "encoder_channels, encoder_blocks, decoder_channels and decoder_blocks must have "
                f"one entry per stage, but got {settings}."
            )
        # The base class modifies its list arguments.
        super().__init__(
            in_channels=in_channels,
            base_channels=base_channels,
            num_stages=len(encoder_channels),
            encoder_channels=list(encoder_channels),
            encoder_blocks=list(encoder_blocks),
            decoder_channels=list(decoder_channels),
            decoder_blocks=list(decoder_blocks),
            sparseconv_backend="spconv",
        )
        self.in_channels = in_channels
        self.out_channels = decoder_channels[-1]
        stem = make_sparse_convmodule(
            in_channels, base_channels, kernel_size=3, padding=1, indice_key="subm0"
        )
        self.conv_input = SparseSequential(stem)
        _set_batch_norms(self, bn_momentum, bn_momentum_blocks)

    def forward(
        self, features: Tensor, coors: Tensor, batch_size: int, spatial_shape: Sequence[int]
    ) -> Tensor:
        """Compute a feature for every voxel.

        Args:
            features: Features of the voxels, shape (K, F).
            coors: (sample, z, y, x) of the voxels, int32, shape (K, 4).
            batch_size: Number of samples; samples may have no voxels.
            spatial_shape: Number of cells along z, y and x.

        Returns:
            Shape (K, C).

        Raises:
            ValueError: If the shapes do not fit.
        """
        check_shape("features", features, ("K", self.in_channels))
        check_shape("coors", coors, (len(features), 4))
        if len(features) == 0:
            return features.new_zeros(0, self.out_channels)

        merged = 2**self.num_stages
        padded = [-(-size // merged) * merged for size in spatial_shape]
        x = self.conv_input(SparseConvTensor(features, coors.int(), padded, batch_size))
        skips = []
        for stage in self.encoder:
            skips.append(x)
            x = stage(x)
        for (upsample, blocks), skip in zip(self.decoder, reversed(skips), strict=True):
            x = upsample(x)
            x = blocks(x.replace_feature(torch.cat([x.features, skip.features], dim=1)))
        return x.features


def _set_batch_norms(network: nn.Module, momentum: float, momentum_blocks: float) -> None:
    """Replace batch norms, with one momentum in residual paths and one elsewhere."""
    for parent in list(network.modules()):
        in_block = isinstance(parent, SparseBasicBlock)
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.BatchNorm1d):
                norm = VoxelBatchNorm(
                    child.num_features,
                    eps=child.eps,
                    momentum=momentum_blocks if in_block else momentum,
                )
                setattr(parent, name, norm)
