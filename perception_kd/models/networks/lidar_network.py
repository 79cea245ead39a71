"""The LiDAR network of pre-trainers, detectors and segmentors."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple, Self, TypeAlias

import torch
from torch import Tensor, nn

from perception_kd.geometry.voxelization import Voxels
from perception_kd.models.networks.pillar_layers import use_rows
from perception_kd.ops.batch_norm import placeholder_rows, synchronizes
from perception_kd.registry import MODELS
from perception_kd.structures import ConfigDict

# Maps (features, points, voxels) to features at the points, (N, C).
PointHead: TypeAlias = Callable[[Any, list[Tensor], Voxels], Tensor]


class PointFeatures(NamedTuple):
    """Features read at the points of a batch, in the order of the concatenated points.

    Attributes:
        feats: Shape (N, C).
        point2voxel: Row of each point's voxel, int64, shape (N,); -1 where the network
            did not see the point.
    """

    feats: Tensor
    point2voxel: Tensor

    @property
    def in_range(self) -> Tensor:
        """Mask of the points that the network saw, shape (N,).

        Features of points beyond the voxel range are zero and carry no meaning.
        """
        return self.point2voxel >= 0


@dataclass(frozen=True)
class PtsParts:
    """Configs of the parts of a LiDAR network, in the order of the data.

    Attributes:
        pts_voxelizer: Points to voxels.
        pts_voxel_encoder: Points of each voxel to one feature per voxel.
        pts_middle_encoder: Voxel features to a BEV map.
        pts_backbone: Voxel features to voxel features, or a BEV map to levels.
        pts_neck: Levels of BEV maps to one.
    """

    pts_voxelizer: ConfigDict
    pts_voxel_encoder: ConfigDict | None = None
    pts_middle_encoder: ConfigDict | None = None
    pts_backbone: ConfigDict | None = None
    pts_neck: ConfigDict | None = None


class LidarNetworkMixin(nn.Module):
    """Points to voxels, to a map or volume of features, and back to the points.

    The parts are attributes with mmdet3d's names, so a checkpoint of one model loads
    into any other, mmdet3d's detectors included, without renaming. There are two ways
    through:

    - sparse: ``pts_voxelizer`` > ``pts_backbone`` > head, a feature per voxel
      (MinkUNet);
    - bird's-eye view: ``pts_voxelizer`` [> ``pts_voxel_encoder``] >
      ``pts_middle_encoder`` [> ``pts_backbone`` > ``pts_neck``], a feature per cell
      (PointPillars, VoxelNet), read at the points by a head. It is used if there is a
      ``pts_middle_encoder``.
    """

    _frozen_parts: tuple[nn.Module, ...] = ()
    pts_voxelizer: nn.Module
    pts_voxel_encoder: nn.Module | None
    pts_middle_encoder: nn.Module | None
    pts_backbone: nn.Module | None
    pts_neck: nn.Module | None

    def build_lidar_network(self, parts: PtsParts) -> None:
        """Build the parts from their configs.

        Raises:
            ValueError: If neither a middle encoder nor a backbone is given.
        """
        if parts.pts_middle_encoder is None and parts.pts_backbone is None:
            raise ValueError("pts_middle_encoder or pts_backbone must be given, but got neither.")
        self.pts_voxelizer = MODELS.build(parts.pts_voxelizer)
        self.pts_voxel_encoder = build_part(parts.pts_voxel_encoder)
        use_rows(self.pts_voxel_encoder)
        self.pts_middle_encoder = build_part(parts.pts_middle_encoder)
        self.pts_backbone = build_part(parts.pts_backbone)
        self.pts_neck = build_part(parts.pts_neck)

    def lidar_network_parts(self) -> list[nn.Module]:
        """Return the parts that have parameters, head excluded."""
        parts = (
            self.pts_voxel_encoder,
            self.pts_middle_encoder,
            self.pts_backbone,
            self.pts_neck,
        )
        return [part for part in parts if part is not None]

    def freeze(self, parts: Iterable[nn.Module]) -> None:
        """Freeze parts: no gradients, and always in eval mode, so norms stay fixed.

        Args:
            parts: Parts of this module, in addition to those frozen before.
        """
        self._frozen_parts += tuple(parts)
        for part in self._frozen_parts:
            part.requires_grad_(False)
        self.train(self.training)

    def train(self, mode: bool = True) -> Self:
        """Set the mode of all parts that are not frozen."""
        super().train(mode)
        for part in self._frozen_parts:
            part.eval()
        return self

    def extract_pts_feat(self, points: list[Tensor], head: PointHead) -> PointFeatures:
        """Compute a feature for every point.

        Args:
            points: One point cloud per sample, in LiDAR coordinates, each (N_b, 5).
            head: Maps (features, points, voxels) to (N, C), N over all samples.

        Returns:
            Features in the order of the concatenated points.
        """
        voxels = self.pts_voxelizer(points)
        if self.pts_middle_encoder is not None:
            feats = head(self._encode_bev(voxels), points, voxels)
        else:
            feats = self._for_voxels(self._run_sparse_backbone, voxels)[: len(voxels.coors)]
            feats = head(feats, points, voxels)
        if len(voxels.coors) == 0:
            feats = feats + self._attached_zero()
        return PointFeatures(feats, voxels.point2voxel)

    def extract_pts_bev(self, points: list[Tensor]) -> Tensor:
        """Compute the BEV feature map of point clouds.

        Args:
            points: One point cloud per sample, in LiDAR coordinates, each (N_b, 5). It
                may be empty.

        Returns:
            Shape (B, C, Y, X), rows along y and columns along x.

        Raises:
            ValueError: If the network has no middle encoder, or more than one level of
                maps.
        """
        if self.pts_middle_encoder is None:
            raise ValueError("A BEV map needs a pts_middle_encoder, but got None.")
        voxels = self.pts_voxelizer(points)
        bev = self._encode_bev(voxels)
        return bev + self._attached_zero() if len(voxels.coors) == 0 else bev

    def _encode_bev(self, voxels: Voxels) -> Tensor:
        bev = self._for_voxels(self._run_middle_encoder, voxels)
        for part in (self.pts_backbone, self.pts_neck):
            if part is not None:
                bev = part(bev)
        if isinstance(bev, Tensor):
            return bev
        if len(bev) != 1:
            raise ValueError(f"The network must give one level of maps, but got {len(bev)}.")
        return bev[0]

    def _for_voxels(self, run: Callable[[Voxels], Tensor], voxels: Voxels) -> Tensor:
        """Run sparse parts, also where other ranks have voxels and this one has none.

        Without voxels, spconv skips batch norms that the other ranks wait in. One voxel
        of zeros then passes the parts, and its features are zeros.
        """
        if len(voxels.coors) > 0 or not synchronizes(self.lidar_network_parts()):
            return run(voxels)
        with placeholder_rows():
            return run(_one_voxel_of_zeros(voxels)) * 0.0

    def _run_middle_encoder(self, voxels: Voxels) -> Tensor:
        assert self.pts_middle_encoder is not None
        feats = self._encode_voxels(voxels)
        bev: Tensor = self.pts_middle_encoder(feats, voxels.coors, voxels.batch_size)
        return bev

    def _run_sparse_backbone(self, voxels: Voxels) -> Tensor:
        assert self.pts_backbone is not None
        feats: Tensor = self.pts_backbone(
            self._encode_voxels(voxels), voxels.coors, voxels.batch_size, voxels.spatial_shape
        )
        return feats

    def _encode_voxels(self, voxels: Voxels) -> Tensor:
        if self.pts_voxel_encoder is None:
            return voxels.features
        if voxels.num_points is None:
            return self.pts_voxel_encoder(voxels.features)
        return self.pts_voxel_encoder(voxels.features, voxels.num_points, voxels.coors)

    def _attached_zero(self) -> Tensor:
        """Return zero, attached to every parameter of the network.

        Without voxels spconv skips batch norms, and other processes would wait for the
        gradients of their parameters.
        """
        parameters = [p.sum() for part in self.lidar_network_parts() for p in part.parameters()]
        return torch.stack(parameters).sum() * 0.0


def _one_voxel_of_zeros(voxels: Voxels) -> Voxels:
    num_points = voxels.num_points
    return voxels._replace(
        features=voxels.features.new_zeros(1, *voxels.features.shape[1:]),
        coors=voxels.coors.new_zeros(1, 4),
        num_points=None if num_points is None else num_points.new_ones(1),
    )


def build_part(part: ConfigDict | None) -> nn.Module | None:
    """Build a part of a network; None without a config."""
    return None if part is None else MODELS.build(part)
