"""Features of bird's-eye view maps to features of points."""

import torch
from torch import Tensor, nn

from perception_kd.geometry.bev_grid import BEVGrid, sample_bev
from perception_kd.geometry.voxelization import Voxels
from perception_kd.models.heads.feature_projector import unit_length
from perception_kd.registry import MODELS
from perception_kd.utils.checks import check_shape


@MODELS.register_module()
class BEVProjection(nn.Module):
    """Project maps by a 1x1 convolution and read them at the points.

    Cells are scaled to unit length, then read between their centers and not scaled
    again, as in SLidR's VoxelNet. All points of a column get the same features,
    whatever their height.

    Args:
        in_channels: Channels of the maps.
        point_cloud_range: (x_min, y_min, z_min, x_max, y_max, z_max) of the maps in m.
        cell_size: Edge of a map's cell in m: the voxels' times the stride of the
            network.
        out_channels: D, channels of the points' features.
        bias: Whether the projection has a bias. Without, empty cells stay zero.
        normalize: Whether features of cells are scaled to unit length.
        value_at: See :func:`sample_bev`: "corner" reproduces SLidR's published code.

    Raises:
        ValueError: If ``cell_size`` does not divide the range, or ``value_at`` is
            unknown.
    """

    def __init__(
        self,
        in_channels: int,
        point_cloud_range: tuple[float, ...],
        cell_size: float,
        out_channels: int = 64,
        bias: bool = False,
        normalize: bool = True,
        value_at: str = "center",
    ) -> None:
        super().__init__()
        if value_at not in ("center", "corner"):
            raise ValueError(f'value_at must be "center" or "corner", but got "{value_at}".')
        self.grid = BEVGrid(tuple(point_cloud_range), cell_size)
        self.proj = nn.Conv2d(in_channels, out_channels, kernel_size=1, bias=bias)
        self.normalize = normalize
        self.value_at = value_at

    def forward(self, feats: Tensor | list[Tensor], points: list[Tensor], voxels: Voxels) -> Tensor:
        """Return features of all points, in the order of the concatenated points.

        Args:
            feats: Maps, shape (B, C, Y, X); or a list that holds only them, as
                mmdet3d's necks return.
            points: One point cloud per sample, x and y in m first.
            voxels: The voxels, for the points that the network saw.

        Returns:
            Shape (N, D); zero where ``voxels.point2voxel`` is -1.

        Raises:
            ValueError: If ``feats`` do not fit the grid.
        """
        if isinstance(feats, list | tuple):
            if len(feats) != 1:
                raise ValueError(f"feats must hold one level of maps, but got {len(feats)}.")
            feats = feats[0]
        check_shape("feats", feats, (len(points), self.proj.in_channels, *self.grid.shape))
        bev = self.proj(feats)
        if self.normalize:
            bev = unit_length(bev)
        sampled, on_grid = sample_bev(bev, points, self.grid, self.value_at)
        seen = on_grid & (voxels.point2voxel >= 0)
        return torch.where(seen[:, None], sampled, 0.0)
