"""SimIPU on bird's-eye-view maps: camera and LiDAR networks learn from each other."""

from typing import Any

from torch import Tensor

from perception_kd.models.networks.camera_network import ImgParts
from perception_kd.models.networks.lidar_network import PtsParts
from perception_kd.models.networks.task_model import Supervision
from perception_kd.models.pretrainers.bev_points import (
    count_drawn_points,
    find_supervision,
    read_bev,
    sampled_points,
    two_cloud_views,
)
from perception_kd.models.pretrainers.camera_lidar_pretrainer import CameraLidarPretrainer
from perception_kd.registry import MODELS
from perception_kd.structures import Batch, ConfigDict


@MODELS.register_module()
class CameraLidarContrast(CameraLidarPretrainer):
    """Contrast two copies of a point cloud, and LiDAR with cameras; both learn [1].

    This is the baseline of CALICO [2], on BEV maps: the intra-modal term compares the
    same points of two augmented copies, the inter-modal term the LiDAR's map of the
    first copy with the camera map, which follows that copy. [1] matches the points of
    its copies after undoing the augmentation; here equal rows are equal points.

    - [1] SimIPU: Simple 2D Image and 3D Point Cloud Unsupervised Pre-Training for
      Spatial-Aware Visual Representations, 2022, https://arxiv.org/abs/2112.04680
    - [2] CALICO: Self-Supervised Camera-LiDAR Contrastive Pre-training for BEV
      Perception, 2024, https://arxiv.org/abs/2306.00349

    Args:
        pts_voxelizer: Points to voxels; the parts ``pts_*`` are those of
            :class:`~.PtsParts`.
        pts_middle_encoder: Voxel features to a BEV map.
        pts_projector: The LiDAR's features at points to the channels compared within
            the LiDAR.
        pts_img_projector: The same to the channels compared with cameras.
        img_backbone: Images to levels of maps.
        view_transform: A level to the camera's BEV map.
        img_projector: The camera's features at points to the channels compared with
            LiDAR.
        grid: Cells of both BEV maps: arguments of :class:`~.BEVGrid`.
        loss_intra: Loss of both copies, called as ``loss(query, key, region_ids,
            point_ids)``: lists of one tensor per sample, as in
            :class:`~.RegionContrastLoss`.
        loss_inter: Loss of LiDAR (query) and camera (key), called likewise.
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
        pts_projector: ConfigDict,
        pts_img_projector: ConfigDict,
        img_backbone: ConfigDict,
        view_transform: ConfigDict,
        img_projector: ConfigDict,
        grid: ConfigDict,
        loss_intra: ConfigDict,
        loss_inter: ConfigDict,
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
        )
        self.pts_projector = MODELS.build(pts_projector)
        self.pts_img_projector = MODELS.build(pts_img_projector)
        self.img_projector = MODELS.build(img_projector)
        self.loss_intra = MODELS.build(loss_intra)
        self.loss_inter = MODELS.build(loss_inter)

    @property
    def supervision(self) -> Supervision:
        """Pairs or regions that its losses compare."""
        return find_supervision(self.loss_intra, self.loss_inter)

    def loss(self, inputs: Batch, data_samples: list[Any]) -> dict[str, Tensor]:
        """Compute the loss of one batch.

        Args:
            inputs: The batch of ``docs/sample.md`` with two ``cloud_views``, ``imgs``
                and their matrices, ``sampled_points``, and ``region_ids`` where there
                are regions.
            data_samples: Not used.

        Returns:
            ``loss_intra`` and ``loss_inter``; the monitors ``num_regions``,
            ``num_region_points`` and ``num_background_points`` of the compared points.

        Raises:
            ValueError: If there are not two copies, or no points were sampled.
        """
        first, second = two_cloud_views(inputs)
        rows, region_ids = sampled_points(inputs)
        sizes = [len(row) for row in rows]

        lidar, lidar_second = (
            read_bev(self.extract_pts_bev(view), view, rows, self.grid) for view in (first, second)
        )
        camera = read_bev(self.extract_img_bev(inputs), first, rows, self.grid)

        intra = (self.pts_projector(feats).split(sizes) for feats in (lidar, lidar_second))
        inter = (
            self.pts_img_projector(lidar).split(sizes),
            self.img_projector(camera).split(sizes),
        )
        return {
            "loss_intra": self.loss_intra(*intra, region_ids, rows),
            "loss_inter": self.loss_inter(*inter, region_ids, rows),
            **count_drawn_points(region_ids),
        }
