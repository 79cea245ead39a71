"""CALICO's PRC: points of two copies of a point cloud, contrasted by regions."""

from typing import Any

from torch import Tensor

from perception_kd.geometry.bev_grid import BEVGrid
from perception_kd.models.networks.lidar_network import LidarNetworkMixin, PtsParts
from perception_kd.models.networks.task_model import Supervision, TaskModel
from perception_kd.models.pretrainers.bev_points import (
    count_drawn_points,
    find_supervision,
    read_bev,
    sampled_points,
    two_cloud_views,
)
from perception_kd.registry import MODELS
from perception_kd.structures import Batch, ConfigDict


@MODELS.register_module()
class PointRegionContrast(LidarNetworkMixin, TaskModel):
    """Pre-train a LiDAR network by point-region contrast [1], without labels.

    Two augmented copies of a point cloud pass the network. The sampled points, inside
    regions and outside, read its BEV map where each copy has them, and are projected.
    Then

        loss = alpha * PLRC + (1 - alpha) * RAPC                        [1, Eq. 2]

    PLRC pulls together all points of a region, RAPC each point and itself, region by
    region; see :func:`~perception_kd.models.losses.region_contrast`. PointContrast is
    the case alpha = 0 with points outside regions, all of which are anchors.

    - [1] CALICO: Self-Supervised Camera-LiDAR Contrastive Pre-training for BEV
      Perception, 2024, https://arxiv.org/abs/2306.00349

    Args:
        pts_voxelizer: Points to voxels; the following parts are those of
            :class:`~.PtsParts`.
        pts_middle_encoder: Voxel features to a BEV map.
        pts_projector: BEV features at points to the D channels that are compared.
        grid: Cells of the BEV map: arguments of :class:`~.BEVGrid`.
        loss_plrc: PLRC, called as ``loss(query, key, region_ids, point_ids)``: lists of
            one tensor per sample, as in :class:`~.RegionContrastLoss`. It is weighted
            by alpha, and left out if that is 0.
        loss_rapc: RAPC, called likewise, weighted by 1 - alpha.
        alpha: Share of PLRC, in [0, 1].
        pts_voxel_encoder: Points of each voxel to one feature per voxel.
        pts_backbone: BEV map to levels of BEV maps.
        pts_neck: These levels to one.
        data_preprocessor: Collates samples.

    Raises:
        ValueError: If ``alpha`` is outside [0, 1].
    """

    def __init__(
        self,
        *,
        pts_voxelizer: ConfigDict,
        pts_middle_encoder: ConfigDict,
        pts_projector: ConfigDict,
        grid: ConfigDict,
        loss_plrc: ConfigDict,
        loss_rapc: ConfigDict,
        alpha: float = 0.5,
        pts_voxel_encoder: ConfigDict | None = None,
        pts_backbone: ConfigDict | None = None,
        pts_neck: ConfigDict | None = None,
        data_preprocessor: ConfigDict | None = None,
    ) -> None:
        super().__init__(data_preprocessor=data_preprocessor)
        if not 0 <= alpha <= 1:
            raise ValueError(f"alpha must be in [0, 1], but got {alpha}.")
        self.grid = BEVGrid(**grid)
        self.build_lidar_network(
            PtsParts(pts_voxelizer, pts_voxel_encoder, pts_middle_encoder, pts_backbone, pts_neck)
        )
        self.pts_projector = MODELS.build(pts_projector)
        self.loss_plrc = MODELS.build(loss_plrc)
        self.loss_rapc = MODELS.build(loss_rapc)
        self.alpha = alpha

    @property
    def supervision(self) -> Supervision:
        """Pairs or regions that its losses compare."""
        return find_supervision(self.loss_plrc, self.loss_rapc)

    def forward_tensor(self, inputs: Batch) -> dict[str, Tensor]:
        """Return the BEV map by its name, "lidar", shape (B, C, Y, X)."""
        return {"lidar": self.extract_pts_bev(inputs["points"])}

    def loss(self, inputs: Batch, data_samples: list[Any]) -> dict[str, Tensor]:
        """Compute the loss of one batch.

        Args:
            inputs: The batch of ``docs/sample.md`` with two ``cloud_views``,
                ``sampled_points``, and ``region_ids`` where there are regions.
            data_samples: Not used.

        Returns:
            ``loss_plrc`` and ``loss_rapc``, each with its share; the monitors
            ``num_regions``, ``num_region_points`` and ``num_background_points`` of the
            compared points.

        Raises:
            ValueError: If there are not two copies, or no points were sampled.
        """
        copies = two_cloud_views(inputs)
        rows, region_ids = sampled_points(inputs)
        query, key = (self.embed_points(copy, rows) for copy in copies)

        losses = {}
        if self.alpha > 0:
            losses["loss_plrc"] = self.alpha * self.loss_plrc(query, key, region_ids, rows)
        if self.alpha < 1:
            losses["loss_rapc"] = (1 - self.alpha) * self.loss_rapc(query, key, region_ids, rows)
        return {**losses, **count_drawn_points(region_ids)}

    def embed_points(self, points: list[Tensor], rows: list[Tensor]) -> list[Tensor]:
        """Compute the compared features of some points.

        Args:
            points: One copy of the point clouds, each (N_b, 5).
            rows: Rows of the points, each (M_b,).

        Returns:
            One tensor per sample, each (M_b, D).
        """
        bev = self.extract_pts_bev(points)
        feats = self.pts_projector(read_bev(bev, points, rows, self.grid))
        return list(feats.split([len(row) for row in rows]))
