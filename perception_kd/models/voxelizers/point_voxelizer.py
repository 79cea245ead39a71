"""Points to voxels with features."""

import torch
from torch import Tensor, nn

from perception_kd.geometry.voxelization import (
    Voxels,
    first_points,
    grid_shape,
    mean_of_points,
    to_cylindrical,
    unique_cells,
)
from perception_kd.registry import MODELS
from perception_kd.utils.constants import constant

# Without a range, the grid starts at a multiple of this many cells, so that the voxels
# which up to four strides of two merge depend on the points alone, not on the rest of
# the batch.
ALIGNMENT = 16


@MODELS.register_module()
class PointVoxelizer(nn.Module):
    """Cut point clouds into voxels.

    Convention:
        - Cells are ``floor((position - lower end of the range) / voxel_size)``; without
          a range the lower end is 0, and the grid is then shifted by whole cells to
          start at 0.
        - In cylindrical coordinates a position is (rho, phi, z) in m, degrees and m,
          and ``voxel_size`` and ``point_cloud_range`` follow. phi is not wrapped:
          voxels on the two sides of +-180 degrees are not neighbors.
        - The order of the columns of ``Voxels.coors`` is the reverse: (sample, z, y,
          x).

    The defaults are SLidR's for MinkUNet [1]; for its VoxelNet see the example.

    - [1] Image-to-Lidar Self-Supervised Distillation for Autonomous Driving Data, 2022,
      https://arxiv.org/abs/2203.16258

    Args:
        voxel_size: Size of a cell along (x, y, z) in m, or (rho, phi, z) in m, deg, m.
        coordinates: "cartesian" or "cylindrical".
        point_cloud_range: Lower ends of the three axes, then upper ends, half-open;
            ``None`` for no limits.
        reduce: "first" to take a voxel's features from the point with the lowest row
            (shuffle the points for a random one), "mean" for the average of its points.
        feature_columns: Parts of the features: columns of the points, as stored;
            "rho", the distance from the z axis in m; "offset", the position relative to
            the center of the cell in cells, three columns within [-0.5, 0.5].
        feature_scale: Factor on the features: one number, or one a feature.
        feature_offset: Added after scaling: one number, or one a feature. SLidR adds 1
            to SemanticKITTI's intensities.
        max_points: With "mean", how many points per voxel count; ``None`` for all.

    Raises:
        ValueError: If a choice is unknown, or a size, range or number does not fit.

    Example:
        >>> voxelizer = PointVoxelizer(
        ...     voxel_size=(0.1, 0.1, 0.2),
        ...     coordinates="cartesian",
        ...     point_cloud_range=(-51.2, -51.2, -5, 51.2, 51.2, 3),
        ...     reduce="mean",
        ...     feature_columns=(0, 1, 2, 3),
        ...     max_points=10,
        ... )
        >>> cloud = torch.tensor([[0.02, 0.0, -0.9, 7.0], [0.04, 0.0, -0.9, 9.0]])
        >>> voxels = voxelizer([cloud])
        >>> voxels.coors, voxels.features[:, 3]
        (tensor([[  0,  20, 512, 512]], dtype=torch.int32), tensor([8.]))
    """

    voxel_size: Tensor
    lower: Tensor
    scale: Tensor
    offset: Tensor

    def __init__(
        self,
        voxel_size: tuple[float, float, float] = (0.1, 1.0, 0.1),
        coordinates: str = "cylindrical",
        point_cloud_range: tuple[float, ...] | None = None,
        reduce: str = "first",
        feature_columns: tuple[int | str, ...] = (3,),
        feature_scale: float | tuple[float, ...] = 1.0,
        feature_offset: float | tuple[float, ...] = 0.0,
        max_points: int | None = None,
    ) -> None:
        super().__init__()
        _check_choice("coordinates", coordinates, ("cartesian", "cylindrical"))
        _check_choice("reduce", reduce, ("first", "mean"))
        for column in feature_columns:
            if isinstance(column, str):
                _check_choice("feature_columns", column, ("rho", "offset"))
        if len(voxel_size) != 3 or min(voxel_size) <= 0:
            raise ValueError(f"voxel_size must be three positive sizes, but got {voxel_size}.")
        if max_points is not None and (reduce != "mean" or max_points < 1):
            raise ValueError(
                f'max_points must be at least 1 and go with reduce="mean", but got {max_points} '
                f'and reduce="{reduce}".'
            )
        self.coordinates = coordinates
        self.reduce = reduce
        self.feature_columns = tuple(feature_columns)
        self.max_points = max_points
        self.grid_shape: tuple[int, int, int] | None = None
        if point_cloud_range is not None:
            self.grid_shape = grid_shape(point_cloud_range, voxel_size)
        lower = point_cloud_range[:3] if point_cloud_range is not None else (0.0, 0.0, 0.0)

        for name, values in (("voxel_size", voxel_size), ("lower", lower)):
            self.register_buffer(name, torch.tensor(values, dtype=torch.float), persistent=False)
        for name, value in (("scale", feature_scale), ("offset", feature_offset)):
            self.register_buffer(name, self._per_feature(name, value), persistent=False)

    @property
    def out_channels(self) -> int:
        """F, the number of features per voxel."""
        return sum(3 if column == "offset" else 1 for column in self.feature_columns)

    def _per_feature(self, name: str, value: float | tuple[float, ...]) -> Tensor:
        values = torch.as_tensor(value, dtype=torch.float)
        if values.dim() > 0 and len(values) != self.out_channels:
            raise ValueError(
                f"feature_{name} must be one number or {self.out_channels}, one a feature, "
                f"but got {value}."
            )
        return values

    @torch.no_grad()
    def forward(self, points: list[Tensor]) -> Voxels:
        """Voxelize a batch.

        Args:
            points: One point cloud per sample, each (N_b, 3 or more), x, y, z in m
                first. Any of them may be empty; if all are, there are no voxels.

        Raises:
            ValueError: If the list is empty, or there is no range and points lie so far
                out that cells cannot be numbered.
        """
        if len(points) == 0:
            raise ValueError("points must hold at least one cloud, but got an empty list.")
        cloud = torch.cat(points)
        sample = torch.cat([torch.full_like(p[:, 0], b) for b, p in enumerate(points)]).long()
        position = to_cylindrical(cloud) if self.coordinates == "cylindrical" else cloud[:, :3]
        # Dividing tensors and not by a number, which a GPU turns into a product.
        cells = (position - self.lower) / self.voxel_size

        # Rows, not a mask: each use of a mask would wait for a GPU.
        seen = self._in_range(cells).nonzero().squeeze(1)
        cloud, cells = cloud[seen], cells[seen]
        zyx, spatial_shape = self._shift_to_grid(cells.floor().long().flip(1), len(points))
        coors, voxel = unique_cells(torch.cat([sample[seen, None], zyx], 1), spatial_shape)

        point2voxel = torch.full_like(sample, -1).index_copy_(0, seen, voxel)
        features = self._reduce(self._point_features(cloud, cells), voxel, len(coors))
        return Voxels(features, coors.int(), point2voxel, spatial_shape, len(points))

    def _in_range(self, cells: Tensor) -> Tensor:
        if self.grid_shape is None:
            return cells.isfinite().all(dim=1)
        upper = constant(self.grid_shape[::-1], cells.dtype, cells.device)
        return ((cells >= 0) & (cells < upper)).all(dim=1)  # NaN compares false

    def _shift_to_grid(self, zyx: Tensor, batch_size: int) -> tuple[Tensor, tuple[int, int, int]]:
        """Make cells start at 0, and return the size of the grid."""
        if self.grid_shape is not None:
            return zyx, self.grid_shape
        if len(zyx) == 0:
            return zyx, (ALIGNMENT, ALIGNMENT, ALIGNMENT)
        origin = zyx.amin(dim=0).div(ALIGNMENT, rounding_mode="floor") * ALIGNMENT
        zyx = zyx - origin
        depth, height, width = (zyx.amax(dim=0) + 1).tolist()
        if max(depth, height, width) >= 2**31 or batch_size * depth * height * width >= 2**63:
            raise ValueError(
                f"points must span fewer than 2^63 voxels, but got {depth} x {height} x {width} "
                "in (z, y, x); set point_cloud_range."
            )
        return zyx, (depth, height, width)

    def _point_features(self, cloud: Tensor, cells: Tensor) -> Tensor:
        features = []
        for column in self.feature_columns:
            if column == "rho":
                features.append(torch.hypot(cloud[:, 0], cloud[:, 1])[:, None])
            elif column == "offset":
                features.append(cells - cells.floor() - 0.5)
            else:
                features.append(cloud[:, int(column), None])
        return torch.cat(features, dim=1) * self.scale + self.offset

    def _reduce(self, features: Tensor, point2voxel: Tensor, num_voxels: int) -> Tensor:
        if self.reduce == "first":
            return features[first_points(point2voxel, num_voxels)]
        return mean_of_points(features, point2voxel, num_voxels, self.max_points)


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        listed = " or ".join(f'"{choice}"' for choice in choices)
        raise ValueError(f'{name} must be {listed}, but got "{value}".')
