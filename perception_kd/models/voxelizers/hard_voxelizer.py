"""Points to voxels that keep their points, as mmdet3d's voxel encoders take them."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from perception_kd.geometry.voxelization import (
    Voxels,
    first_points,
    grid_shape,
    sort_into_voxels,
    unique_cells,
)
from perception_kd.registry import MODELS
from perception_kd.utils.constants import constant


@MODELS.register_module()
class HardVoxelizer(nn.Module):
    """Cut point clouds into voxels of up to ``max_num_points`` points.

    The result is that of mmcv's and mmdet3d's hard voxelization up to the order of the
    voxels, which is that of their cells here, and the same in every run on a GPU too.
    Where there are too many, the voxels and the points of the highest rows are left
    out: shuffle the points for a random choice. What is left out still has its place in
    ``point2voxel``, unless its voxel is gone.

    It feeds mmdet3d's ``PillarFeatureNet`` and ``HardSimpleVFE``, and has no
    parameters, so that a network has the names of mmdet3d's CenterPoint, which does
    this in its data preprocessor.

    Args:
        voxel_size: Size of a voxel along (x, y, z) in m.
        point_cloud_range: Lower ends of the three axes, then upper ends, in m,
            half-open.
        max_num_points: Points kept per voxel.
        max_voxels: Voxels kept per point cloud, in training and in testing.

    Raises:
        ValueError: If a size, range or number is not positive.
    """

    voxel_size: Tensor
    lower: Tensor

    def __init__(
        self,
        voxel_size: tuple[float, float, float],
        point_cloud_range: tuple[float, ...],
        max_num_points: int,
        max_voxels: Sequence[int],
    ) -> None:
        super().__init__()
        if len(max_voxels) != 2 or min(max_num_points, *max_voxels) < 1:
            raise ValueError(
                "max_num_points must be positive and max_voxels two positive numbers, but got "
                f"{max_num_points} and {max_voxels}."
            )
        self.max_num_points = max_num_points
        self.max_voxels = tuple(max_voxels)
        self.grid_shape = grid_shape(point_cloud_range, voxel_size)
        for name, values in (("voxel_size", voxel_size), ("lower", point_cloud_range[:3])):
            self.register_buffer(name, torch.tensor(values, dtype=torch.float), persistent=False)

    @torch.no_grad()
    def forward(self, points: list[Tensor]) -> Voxels:
        """Voxelize a batch.

        Args:
            points: One point cloud per sample, each (N_b, F), x, y, z in m first, all
                with the same F. Any of them may be empty.

        Raises:
            ValueError: If the list is empty.
        """
        if len(points) == 0:
            raise ValueError("points must hold at least one cloud, but got an empty list.")
        cloud = torch.cat(points)
        sample = torch.cat([torch.full_like(p[:, 0], b) for b, p in enumerate(points)]).long()
        cells = (cloud[:, :3] - self.lower) / self.voxel_size
        upper = constant(self.grid_shape[::-1], cells.dtype, cells.device)
        in_range = ((cells >= 0) & (cells < upper)).all(dim=1)  # NaN compares false
        # Rows, not a mask: each use of a mask would wait for a GPU.
        seen = in_range.nonzero().squeeze(1)
        cloud = cloud[seen]

        zyx = cells[seen].long().flip(1)
        coors, voxel = unique_cells(torch.cat([sample[seen, None], zyx], 1), self.grid_shape)
        keep = self._keep_voxels(coors, voxel, len(points))
        if keep is not None:
            new_row = torch.where(keep, keep.cumsum(0) - 1, -1)
            coors, voxel = coors[keep], new_row[voxel]
        point2voxel = torch.full_like(sample, -1).index_copy_(0, seen, voxel)

        if keep is not None:
            left = (voxel >= 0).nonzero().squeeze(1)
            cloud, voxel = cloud[left], voxel[left]
        order, rank, counts = sort_into_voxels(voxel, len(coors))
        first = (rank < self.max_num_points).nonzero().squeeze(1)
        order, rank = order[first], rank[first]
        features = cloud.new_zeros(len(coors), self.max_num_points, cloud.shape[1])
        features[voxel[order], rank] = cloud[order]
        return Voxels(
            features,
            coors.int(),
            point2voxel,
            self.grid_shape,
            len(points),
            counts.clamp(max=self.max_num_points),
        )

    def _keep_voxels(self, coors: Tensor, voxel: Tensor, batch_size: int) -> Tensor | None:
        """Return whether each voxel is kept, bool, (K,), or None if all are."""
        limit = self.max_voxels[0 if self.training else 1]
        if len(coors) <= limit:
            return None
        if int(torch.bincount(coors[:, 0], minlength=batch_size).amax()) <= limit:
            return None
        by_first_point = first_points(voxel, len(coors)).argsort()
        order, rank, _ = sort_into_voxels(coors[by_first_point, 0], batch_size)
        keep = torch.empty(len(coors), dtype=torch.bool, device=coors.device)
        keep[by_first_point[order]] = rank < limit
        return keep
