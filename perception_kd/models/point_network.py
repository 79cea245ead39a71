"""The LiDAR network that pre-trainers and segmentors share."""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from perception_kd.registry import MODELS


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
        """Whether the network saw the point, shape (N,).

        Features of points beyond the voxel range are zero and carry no meaning.
        """
        return self.point2voxel >= 0


class PointNetworkMixin(nn.Module):
    """Points to voxels, to a map or volume of features, and back to the points.

    The parts are attributes with mmdet3d's names, so a checkpoint of one model loads
    into any other, mmdet3d's detectors included, without renaming. There are two ways
    through:

    - sparse: ``pts_voxelizer`` > ``pts_backbone`` > head, a feature a voxel (MinkUNet);
    - bird's-eye view: ``pts_voxelizer`` > ``pts_middle_encoder`` [> ``pts_backbone``
      > ``pts_neck``] > head, a feature a cell (VoxelNet). It is taken where there is a
      ``pts_middle_encoder``.
    """

    pts_voxelizer: nn.Module
    pts_voxel_encoder: nn.Module | None
    pts_middle_encoder: nn.Module | None
    pts_backbone: nn.Module | None
    pts_neck: nn.Module | None

    def build_point_network(
        self,
        pts_voxelizer: dict[str, Any],
        pts_voxel_encoder: dict[str, Any] | None = None,
        pts_middle_encoder: dict[str, Any] | None = None,
        pts_backbone: dict[str, Any] | None = None,
        pts_neck: dict[str, Any] | None = None,
    ) -> None:
        """Build the parts from their configs.

        Raises:
            ValueError: If neither a middle encoder nor a backbone is given.
        """
        if pts_middle_encoder is None and pts_backbone is None:
            raise ValueError("pts_middle_encoder or pts_backbone must be given, but got neither.")
        self.pts_voxelizer = MODELS.build(pts_voxelizer)
        self.pts_voxel_encoder = _build(pts_voxel_encoder)
        self.pts_middle_encoder = _build(pts_middle_encoder)
        self.pts_backbone = _build(pts_backbone)
        self.pts_neck = _build(pts_neck)

    def point_network_parts(self) -> list[nn.Module]:
        """Return the parts that have parameters, head excluded."""
        parts = (
            self.pts_voxel_encoder,
            self.pts_middle_encoder,
            self.pts_backbone,
            self.pts_neck,
        )
        return [part for part in parts if part is not None]

    def extract_pts_feat(self, points: list[Tensor], head: nn.Module) -> PointFeatures:
        """Compute a feature for every point.

        Args:
            points: One cloud a sample, in the LiDAR frame, each (N_b, 5).
            head: Maps (features, points, voxels) to (N, C), N over all clouds.

        Returns:
            Features in the order of the concatenated clouds.
        """
        voxels = self.pts_voxelizer(points)
        feats = voxels.features
        if self.pts_voxel_encoder is not None:
            feats = self.pts_voxel_encoder(feats)

        if self.pts_middle_encoder is None:
            assert self.pts_backbone is not None
            feats = self.pts_backbone(feats, voxels.coors, voxels.batch_size, voxels.spatial_shape)
        else:
            feats = self.pts_middle_encoder(feats, voxels.coors, voxels.batch_size)
            if self.pts_backbone is not None:
                feats = self.pts_backbone(feats)
            if self.pts_neck is not None:
                feats = self.pts_neck(feats)
        feats = head(feats, points, voxels)
        if len(voxels.coors) == 0:
            feats = feats + self._nothing()
        return PointFeatures(feats, voxels.point2voxel)

    def _nothing(self) -> Tensor:
        """Return zero, attached to every parameter of the network.

        Without voxels spconv passes batch norms by, and other processes would wait for
        the gradients of their parameters.
        """
        parameters = [p.sum() for part in self.point_network_parts() for p in part.parameters()]
        return torch.stack(parameters).sum() * 0.0


def _build(part: dict[str, Any] | None) -> nn.Module | None:
    return None if part is None else MODELS.build(part)
