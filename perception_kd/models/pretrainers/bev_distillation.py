"""BEVDistill without labels: a camera network learns from a LiDAR network's map."""

from typing import Any

import torch
from torch import Tensor, nn

from perception_kd.models.pretrainers.bev_points import count_points, sampled_points
from perception_kd.models.pretrainers.bev_pretrainer import Config
from perception_kd.models.pretrainers.lidar_to_camera import LidarToCameraPretrainer
from perception_kd.models.region_heatmap import region_heatmap
from perception_kd.registry import MODELS


@MODELS.register_module()
class BEVDistillation(LidarToCameraPretrainer):
    """Imitate the frozen LiDAR's map near regions, and its relations of points [1].

    CALICO [2] compares with it. [1] weights cells by Gaussians at annotated boxes; how
    [2] does so without labels is not public, and here they stand at the regions.

        dense = sum( W (A F_camera - F_lidar)^2 ) / sum( W ),  A a 1x1 convolution
        relation = InfoNCE of projected points, the LiDAR's choosing among the camera's

    - [1] BEVDistill: Cross-Modal BEV Distillation for Multi-View 3D Object Detection,
      2023, https://arxiv.org/abs/2211.09386
    - [2] CALICO: Self-Supervised Camera-LiDAR Contrastive Pre-training for BEV
      Perception, 2024, https://arxiv.org/abs/2306.00349

    Args:
        img_channels: Channels of the camera's map.
        pts_channels: Channels of the LiDAR's map.
        pts_relation_projector: The LiDAR's features at points to the channels that are
            compared. It learns; [1] has one linear layer more before it, without a
            nonlinearity between, which changes nothing.
        img_projector: The camera's features at points to these channels.
        loss_relation: Loss of lists of features of LiDAR and camera, of regions and of
            which points they are.
        dense_weight: Factor on the dense loss.
        **kwargs: Arguments of :class:`LidarToCameraPretrainer`.
    """

    def __init__(
        self,
        img_channels: int,
        pts_channels: int,
        pts_relation_projector: Config,
        img_projector: Config,
        loss_relation: Config,
        dense_weight: float = 0.01,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.adapter = nn.Conv2d(img_channels, pts_channels, kernel_size=1)
        self.pts_relation_projector = MODELS.build(pts_relation_projector)
        self.img_projector = MODELS.build(img_projector)
        self.loss_relation = MODELS.build(loss_relation)
        self.dense_weight = dense_weight

    def loss(self, inputs: Config, data_samples: list[Any]) -> dict[str, Tensor]:
        """Compute the loss of one batch.

        Args:
            inputs: The batch of ``docs/sample.md`` with ``points``, ``imgs`` and their
                matrices, and ``region_ids``.
            data_samples: Not used.

        Returns:
            ``loss_dense`` and ``loss_relation``; the monitors ``num_regions``,
            ``num_region_points`` and ``num_background_points`` of what is compared.
        """
        points = inputs["points"]
        rows, region_ids = sampled_points(inputs)
        lidar_bev, camera_bev = self.extract_teacher_bev(points), self.extract_img_bev(inputs)

        weights = [
            region_heatmap(cloud, ids, self.grid)
            for cloud, ids in zip(points, inputs["region_ids"], strict=True)
        ]
        dense = weighted_squared_error(self.adapter(camera_bev), lidar_bev, torch.stack(weights))

        sizes = [len(row) for row in rows]
        lidar = self.pts_relation_projector(self.read_points(lidar_bev, points, rows))
        camera = self.img_projector(self.read_points(camera_bev, points, rows))
        relation = self.loss_relation(lidar.split(sizes), camera.split(sizes), region_ids, rows)
        return {
            "loss_dense": self.dense_weight * dense,
            "loss_relation": relation,
            **count_points(region_ids),
        }


def weighted_squared_error(student: Tensor, teacher: Tensor, weights: Tensor) -> Tensor:
    """Return ``sum( w (student - teacher)^2 ) / sum( w )``, summed over channels.

    Args:
        student: Maps, shape (B, C, Y, X).
        teacher: Maps, shape (B, C, Y, X).
        weights: Weight of each cell, not negative, shape (B, Y, X).

    Returns:
        Scalar; zero, still attached to the graph, where all weights are.
    """
    error = ((student - teacher) ** 2).sum(dim=1)
    return (weights * error).sum() / weights.sum().clamp(min=1e-6)
