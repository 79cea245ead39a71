"""Lift-splat: image features to a BEV map by predicted depth."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from perception_kd.geometry.bev_grid import BEVGrid
from perception_kd.models.view_transforms.frustum import Cameras, frustum_cells
from perception_kd.ops.bev_pool import bev_pool, index_cells
from perception_kd.registry import MODELS
from perception_kd.utils.checks import check_shape


@MODELS.register_module()
class LSSViewTransform(nn.Module):
    """Spread image features over predicted depths and sum them in BEV cells.

    Lift-splat [1] as in BEVFusion [2]. Each feature cell gets L
    probabilities of depth and C features from one convolution; :func:`bev_pool` sums
    the weighted features in each BEV cell; with ``downsample``, three convolutions
    halve the map.

    Images and points may be augmented: frustum points are mapped through the inverse of
    ``img_aug_matrix`` and through ``lidar_aug_matrix``, so the map is in augmented
    LiDAR coordinates. Depth i is ``first + i * step``, as published. Unlike
    the published code, the map is (Y, X) and not (X, Y), a feature cell is at the
    center of its pixels (see ``align_corners``), and a point less than a cell below the
    grid is off it (see ``truncate``).

    - [1] Lift, Splat, Shoot, 2020, https://arxiv.org/abs/2008.05711
    - [2] BEVFusion, 2022, https://arxiv.org/abs/2205.13542

    Args:
        in_channels: Channels of the image features.
        out_channels: Channels C of the map.
        point_cloud_range: (x_min, y_min, z_min, x_max, y_max, z_max) of the grid in m.
            BEVFusion's z is -10 to 10.
        cell_size: Edge of a cell in m, before ``downsample``.
        depth_range: First depth, end (excluded) and step in m.
        downsample: 2 halves the map by convolutions, 1 leaves it.
        align_corners: Whether the outer cells of a feature map are at the outer pixels
            of the image, the published placement; else cells are centered.
        truncate: Whether points less than a cell beyond the lower ends of the grid are
            in its first cells, as published: the published code rounds towards zero. A
            cell is as high as the grid, so these are 7 to 9 % of the points, below the
            ground. For weights that were trained so.

    Raises:
        ValueError: If a setting is out of range, or the map cannot be halved.
    """

    depths: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int = 80,
        point_cloud_range: Sequence[float] = (-51.2, -51.2, -10.0, 51.2, 51.2, 10.0),
        cell_size: float = 0.4,
        depth_range: tuple[float, float, float] = (1.0, 60.0, 0.5),
        downsample: int = 2,
        align_corners: bool = False,
        truncate: bool = False,
    ) -> None:
        super().__init__()
        self.out_channels = out_channels
        self.grid = BEVGrid(tuple(point_cloud_range), cell_size)
        self.align_corners = align_corners
        self.truncate = truncate
        self.register_buffer("depths", _depths(*depth_range), persistent=False)
        if downsample not in (1, 2) or any(edge % downsample for edge in self.grid.shape):
            raise ValueError(
                "downsample must be 1 or 2 and divide the grid, but got "
                f"{downsample} for {self.grid.shape} cells."
            )
        self.depthnet = self.build_depthnet(in_channels)
        self.downsample = _halving(out_channels) if downsample == 2 else nn.Identity()

    @property
    def num_depths(self) -> int:
        """Number of depths L."""
        return len(self.depths)

    def build_depthnet(self, in_channels: int) -> nn.Module:
        """Build the layers that predict L depths and C features per feature cell."""
        return nn.Conv2d(in_channels, self.num_depths + self.out_channels, 1)

    def predict_depth(
        self, img_feats: Tensor, cameras: Cameras, points: list[Tensor] | None
    ) -> Tensor:
        """Predict a distribution of depth and a feature for each cell of the maps.

        Args:
            img_feats: Feature maps of V images, shape (V, C_in, h, w).
            cameras: Matrices of the V cameras; not used here.
            points: One point cloud per sample, each (N_b, F); not used here.

        Returns:
            Scores of L depths, then C features, shape (V, L + C, h, w).
        """
        return self.depthnet(img_feats)

    def forward(
        self, img_feats: Tensor, cameras: Cameras, points: list[Tensor] | None = None
    ) -> Tensor:
        """Compute the map.

        Args:
            img_feats: Features of all views, shape (V, C_in, h, w).
            cameras: The cameras of these views.
            points: One point cloud per sample in augmented LiDAR coordinates. Not used.

        Returns:
            Shape (B, C, Y, X).

        Raises:
            ValueError: If the number of cameras is not the number of views.
        """
        check_shape("cameras.lidar2cam", cameras.lidar2cam, (len(img_feats), 4, 4))
        scores = self.predict_depth(img_feats, cameras, points)
        depth_scores, feats = scores.split([self.num_depths, self.out_channels], dim=1)
        wide = torch.promote_types(depth_scores.dtype, torch.float32)
        depth_probs = depth_scores.softmax(dim=1, dtype=wide)
        return self.downsample(self.splat(depth_probs, feats, cameras))

    def splat(self, depth_probs: Tensor, feats: Tensor, cameras: Cameras) -> Tensor:
        """Sum weighted features in the cells of the grid.

        Args:
            depth_probs: Weight of each frustum point, shape (V, L, h, w).
            feats: Features of all views, shape (V, C, h, w).
            cameras: The cameras of these views.

        Returns:
            Shape (B, C, Y, X), before ``downsample``.
        """
        feat_shape = (feats.shape[2], feats.shape[3])
        cells = frustum_cells(
            cameras, feat_shape, self.depths, self.grid, self.align_corners, self.truncate
        )
        rows, columns = self.grid.shape
        index = index_cells(cells, cameras.batch_size * rows * columns)
        sums = bev_pool(depth_probs, feats, index)
        return sums.view(cameras.batch_size, rows, columns, -1).permute(0, 3, 1, 2).contiguous()


def _depths(first: float, end: float, step: float) -> Tensor:
    if not (0 < first < end and step > 0):
        raise ValueError(
            "depth_range must be a first depth, a larger end and a step, all positive, but got "
            f"{(first, end, step)}."
        )
    return torch.arange(first, end, step)


def _halving(channels: int) -> nn.Sequential:
    """Return three convolutions, the second of stride 2."""
    layers: list[nn.Module] = []
    for stride in (1, 2, 1):
        layers += [
            nn.Conv2d(channels, channels, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers)
