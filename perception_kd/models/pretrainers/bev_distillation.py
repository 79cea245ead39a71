"""BEVDistill without labels: a camera network learns from a LiDAR network's map."""

from typing import Any

import torch
from mmdet3d.models.utils import draw_heatmap_gaussian, gaussian_radius
from torch import Tensor, nn

from perception_kd.geometry.bev_grid import BEVGrid
from perception_kd.models.networks.camera_network import ImgParts
from perception_kd.models.networks.lidar_network import PtsParts
from perception_kd.models.networks.task_model import Supervision
from perception_kd.models.pretrainers.bev_points import (
    count_drawn_points,
    find_supervision,
    read_bev,
    sampled_points,
)
from perception_kd.models.pretrainers.camera_lidar_pretrainer import CameraLidarPretrainer
from perception_kd.registry import MODELS
from perception_kd.structures import Batch, ConfigDict


@MODELS.register_module()
class BEVDistillation(CameraLidarPretrainer):
    """Imitate the frozen LiDAR's map near regions, and its relations of points [1].

    This is a baseline of CALICO [2]. [1] weights cells by Gaussians at annotated boxes;
    how [2] does so without labels is not public, and here they are at the regions.

        dense = sum( W (A F_camera - F_lidar)^2 ) / sum( W ),  A a 1x1 convolution
        relation = InfoNCE of projected points, LiDAR anchors among camera candidates

    - [1] BEVDistill: Cross-Modal BEV Distillation for Multi-View 3D Object Detection,
      2023, https://arxiv.org/abs/2211.09386
    - [2] CALICO: Self-Supervised Camera-LiDAR Contrastive Pre-training for BEV
      Perception, 2024, https://arxiv.org/abs/2306.00349

    Args:
        pts_voxelizer: Points to voxels; the parts ``pts_*`` are the frozen teacher's,
            those of :class:`~.PtsParts`.
        pts_middle_encoder: Voxel features to a BEV map.
        pts_channels: Channels of the LiDAR's map.
        pts_relation_projector: The LiDAR's features at points to the channels that are
            compared. It learns; [1] has one more linear layer before it, without a
            nonlinearity in between, which changes nothing.
        img_backbone: Images to levels of maps.
        view_transform: A level to the camera's BEV map.
        img_channels: Channels of the camera's map.
        img_projector: The camera's features at points to the compared channels.
        grid: Cells of both BEV maps: arguments of :class:`~.BEVGrid`.
        loss_relation: Loss of LiDAR (query) and camera (key), called as ``loss(query,
            key, region_ids, point_ids)``: lists of one tensor per sample, as in
            :class:`~.RegionContrastLoss`.
        dense_weight: Factor on the dense loss.
        teacher_checkpoint: File with all weights of the teacher. Without one the
            teacher is random, which only tests want; that is logged.
        pts_voxel_encoder: Points of each voxel to one feature per voxel.
        pts_backbone: BEV map to levels of BEV maps.
        pts_neck: These levels to one.
        img_neck: Levels of image features to levels, of which the first is used.
        data_preprocessor: Collates, and normalizes images.
    """

    def __init__(
        self,
        *,
        pts_voxelizer: ConfigDict,
        pts_middle_encoder: ConfigDict,
        pts_channels: int,
        pts_relation_projector: ConfigDict,
        img_backbone: ConfigDict,
        view_transform: ConfigDict,
        img_channels: int,
        img_projector: ConfigDict,
        grid: ConfigDict,
        loss_relation: ConfigDict,
        dense_weight: float = 0.01,
        teacher_checkpoint: str | None = None,
        pts_voxel_encoder: ConfigDict | None = None,
        pts_backbone: ConfigDict | None = None,
        pts_neck: ConfigDict | None = None,
        img_neck: ConfigDict | None = None,
        data_preprocessor: ConfigDict | None = None,
    ) -> None:
        super().__init__(
            PtsParts(pts_voxelizer, pts_voxel_encoder, pts_middle_encoder, pts_backbone, pts_neck),
            ImgParts(img_backbone, img_neck, view_transform),
            grid=grid,
            data_preprocessor=data_preprocessor,
            teacher_checkpoint=teacher_checkpoint,
        )
        self.freeze([self.pts_voxelizer, *self.teacher_parts()])
        self.adapter = nn.Conv2d(img_channels, pts_channels, kernel_size=1)
        self.pts_relation_projector = MODELS.build(pts_relation_projector)
        self.img_projector = MODELS.build(img_projector)
        self.loss_relation = MODELS.build(loss_relation)
        self.dense_weight = dense_weight

    def teacher_parts(self) -> list[nn.Module]:
        """Return the parts of the teacher that have parameters."""
        return self.lidar_network_parts()

    @property
    def supervision(self) -> Supervision:
        """Pairs or regions that its losses compare."""
        return find_supervision(self.loss_relation)

    def loss(self, inputs: Batch, data_samples: list[Any]) -> dict[str, Tensor]:
        """Compute the loss of one batch.

        Args:
            inputs: The batch of ``docs/sample.md`` with ``points``, ``imgs`` and their
                matrices, ``region_ids`` and ``sampled_points``.
            data_samples: Not used.

        Returns:
            ``loss_dense`` and ``loss_relation``; the monitors ``num_regions``,
            ``num_region_points`` and ``num_background_points`` of the compared points.
        """
        points = inputs["points"]
        rows, region_ids = sampled_points(inputs)
        with torch.no_grad():
            lidar_bev = self.extract_pts_bev(points)
        camera_bev = self.extract_img_bev(inputs)

        weights = [
            region_heatmap(cloud, ids, self.grid)
            for cloud, ids in zip(points, inputs["region_ids"], strict=True)
        ]
        dense = weighted_squared_error(self.adapter(camera_bev), lidar_bev, torch.stack(weights))

        sizes = [len(row) for row in rows]
        lidar = self.pts_relation_projector(read_bev(lidar_bev, points, rows, self.grid))
        camera = self.img_projector(read_bev(camera_bev, points, rows, self.grid))
        relation = self.loss_relation(lidar.split(sizes), camera.split(sizes), region_ids, rows)
        return {
            "loss_dense": self.dense_weight * dense,
            "loss_relation": relation,
            **count_drawn_points(region_ids),
        }


def weighted_squared_error(student: Tensor, teacher: Tensor, weights: Tensor) -> Tensor:
    """Return ``sum( w (student - teacher)^2 ) / sum( w )``, summed over channels.

    Args:
        student: Maps, shape (B, C, Y, X).
        teacher: Maps, shape (B, C, Y, X).
        weights: Weight of each cell, not negative, shape (B, Y, X).

    Returns:
        Scalar; zero, still attached to the graph, if all weights are zero.
    """
    error = ((student - teacher) ** 2).sum(dim=1)
    return (weights * error).sum() / weights.sum().clamp(min=1e-6)


def region_heatmap(
    points: Tensor, region_ids: Tensor, grid: BEVGrid, min_overlap: float = 0.1, min_radius: int = 2
) -> Tensor:
    """Draw a Gaussian at the center of each region.

    As center-based detectors draw it at annotated boxes: 1 at the center, and as wide
    as boxes of the region's extent may be off and still overlap. Center and extent are
    those of the axis-aligned box around the region's points.

    Args:
        points: x and y in m first, shape (N, 2 or more).
        region_ids: Region of each point, negative for none, shape (N,).
        grid: Where the cells lie. Regions with their center beyond it are left out.
        min_overlap: Overlap that sets the radius, as in mmdet3d.
        min_radius: Least radius in cells.

    Returns:
        Values in [0, 1], the largest where Gaussians meet, float32, shape (Y, X).
    """
    # Drawn on the CPU, since every number would wait for a GPU.
    heatmap = torch.zeros(grid.shape)
    cells, region_ids = grid.to_cells(points).cpu(), region_ids.cpu()
    for region in region_ids[region_ids >= 0].unique():
        members = cells[region_ids == region]
        low, high = members.amin(dim=0), members.amax(dim=0)
        center = (low + high) / 2
        row, column = int(center[1].floor()), int(center[0].floor())
        if 0 <= row < grid.shape[0] and 0 <= column < grid.shape[1]:
            width, height = (high - low).clamp(min=1).unbind()
            radius = max(min_radius, int(gaussian_radius((height, width), min_overlap)))
            draw_heatmap_gaussian(heatmap, torch.tensor([column, row]), radius)
    return heatmap.to(points.device)
