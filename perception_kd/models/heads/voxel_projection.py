"""Features of voxels to features of points."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from perception_kd.geometry.voxelization import Voxels
from perception_kd.models.heads.feature_projector import unit_length
from perception_kd.registry import MODELS
from perception_kd.utils.checks import check_shape


@MODELS.register_module()
class VoxelProjection(nn.Module):
    """Project features of voxels and hand them to the points inside.

    The last 1x1x1 convolution of SLidR's MinkUNet; without normalization also the
    classifier of linear probes.

    Args:
        in_channels: Channels of the voxels' features.
        out_channels: D, channels of the points' features.
        bias: Whether the projection has a bias.
        normalize: Whether features are scaled to unit length.
        standardize: Whether the voxels' features are first brought to mean 0 and
            variance 1 by a batch norm without parameters, as ScaLR's linear probes do:
            the projection stays linear, and learns as fast whatever their scale.
        hidden_channels: Channels of layers with a ReLU each before the projection. With
            any, the head is a small network that is thrown away after pre-training, as
            in ScaLR's later version (one layer of 2048).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int = 64,
        bias: bool = True,
        normalize: bool = True,
        standardize: bool = False,
        hidden_channels: Sequence[int] = (),
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.norm = nn.BatchNorm1d(in_channels, affine=False) if standardize else nn.Identity()
        layers: list[nn.Module] = []
        for hidden in hidden_channels:
            layers += [nn.Linear(in_channels, hidden), nn.ReLU()]
            in_channels = hidden
        self.hidden = nn.Sequential(*layers)
        self.proj = nn.Linear(in_channels, out_channels, bias=bias)
        self.normalize = normalize

    def forward(self, feats: Tensor, points: list[Tensor], voxels: Voxels) -> Tensor:
        """Return features of all points, in the order of the concatenated points.

        Args:
            feats: Features of the voxels, shape (K, C).
            points: Not used; all heads have the same interface.
            voxels: The voxels, for the points inside each.

        Returns:
            Shape (N, D); zero where ``voxels.point2voxel`` is -1.

        Raises:
            ValueError: If ``feats`` and ``voxels`` differ in the number of voxels.
        """
        check_shape("feats", feats, (len(voxels.coors), self.in_channels))
        feats = self.proj(self.hidden(self.norm(feats)))
        if self.normalize:
            feats = unit_length(feats)
        feats = torch.cat([feats, feats.new_zeros(1, feats.shape[1])])
        row = torch.where(voxels.point2voxel < 0, len(voxels.coors), voxels.point2voxel)
        return feats.index_select(0, row)
