"""CALICO's RAD: a camera network learns from a LiDAR network, region by region."""

from typing import Any

import torch
from torch import Tensor, nn

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
from perception_kd.models.pretrainers.lidar_teacher import load_lidar_teacher
from perception_kd.registry import MODELS
from perception_kd.structures import Batch, ConfigDict

_DIRECTIONS = ("camera_to_lidar", "lidar_to_camera", "both")


@MODELS.register_module()
class RegionDistillation(CameraLidarPretrainer):
    """Contrast the camera's and the frozen LiDAR's map at points of regions [1, Eq. 3].

    Both maps are in one frame, since cameras follow the augmentation of the points by
    ``lidar_aug_matrix``, and are read at the same places. Every region has the same
    weight whatever its number of points. The teacher gets no gradient and stays in eval
    mode; its weights stay in checkpoints under mmdet3d's names, so that a detector of
    both sensors loads all it needs from one file.

    The LiDAR's projector was learned by :class:`PointRegionContrast` and is frozen as
    well, so that the target is fixed. [1] does not specify this: with
    ``learn_pts_projector=True`` a new one is learned, the teacher's map still fixed.

    - [1] CALICO: Self-Supervised Camera-LiDAR Contrastive Pre-training for BEV
      Perception, 2024, https://arxiv.org/abs/2306.00349

    Args:
        pts_voxelizer: Points to voxels; the parts ``pts_*`` are the teacher's, those of
            :class:`~.PtsParts`.
        pts_middle_encoder: Voxel features to a BEV map.
        pts_projector: The LiDAR's features at points to D channels.
        img_backbone: Images to levels of maps.
        view_transform: A level to the camera's BEV map.
        img_projector: The camera's features at points to D channels.
        grid: Cells of both BEV maps: arguments of :class:`~.BEVGrid`.
        loss_rad: RAD, called as ``loss(query, key, region_ids, point_ids)``: lists of
            one tensor per sample, as in :class:`~.RegionContrastLoss`; queries are the
            anchors.
        direction: Modality of the anchors: "camera_to_lidar" (camera anchors, LiDAR
            candidates), "lidar_to_camera", or "both", the mean of the two.
        learn_pts_projector: Whether ``pts_projector`` is initialized randomly and
            learned; by default it is loaded with the teacher and frozen.
        teacher_checkpoint: File with all weights of the teacher. Without one the
            teacher is random, which only tests want; that is logged.
        pts_voxel_encoder: Points of each voxel to one feature per voxel.
        pts_backbone: BEV map to levels of BEV maps.
        pts_neck: These levels to one.
        img_neck: Levels of image features to levels, of which the first is used.
        data_preprocessor: Collates, and normalizes images.

    Raises:
        ValueError: If ``direction`` is unknown.
    """

    def __init__(
        self,
        *,
        pts_voxelizer: ConfigDict,
        pts_middle_encoder: ConfigDict,
        pts_projector: ConfigDict,
        img_backbone: ConfigDict,
        view_transform: ConfigDict,
        img_projector: ConfigDict,
        grid: ConfigDict,
        loss_rad: ConfigDict,
        direction: str = "camera_to_lidar",
        learn_pts_projector: bool = False,
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
        )
        if direction not in _DIRECTIONS:
            raise ValueError(f'direction must be one of {_DIRECTIONS}, but got "{direction}".')
        self.pts_projector = MODELS.build(pts_projector)
        self.learn_pts_projector = learn_pts_projector
        self.teacher_checkpoint = teacher_checkpoint
        self.freeze([self.pts_voxelizer, *self.teacher_parts()])
        self.img_projector = MODELS.build(img_projector)
        self.loss_rad = MODELS.build(loss_rad)
        self.direction = direction

    def teacher_parts(self) -> list[nn.Module]:
        """Return the parts of the teacher that have parameters."""
        if self.learn_pts_projector:
            return self.lidar_network_parts()
        return [*self.lidar_network_parts(), self.pts_projector]

    def init_weights(self) -> None:
        """Initialize the student, then load the teacher."""
        super().init_weights()
        load_lidar_teacher(self, self.teacher_parts(), self.teacher_checkpoint)

    @property
    def supervision(self) -> Supervision:
        """Pairs or regions that its losses compare."""
        return find_supervision(self.loss_rad)

    def loss(self, inputs: Batch, data_samples: list[Any]) -> dict[str, Tensor]:
        """Compute the loss of one batch.

        Args:
            inputs: The batch of ``docs/sample.md`` with ``points``, ``imgs`` and their
                matrices, ``region_ids`` and ``sampled_points``.
            data_samples: Not used.

        Returns:
            ``loss_rad``; the monitors ``num_regions``, ``num_region_points`` and
            ``num_background_points`` of the compared points.
        """
        points = inputs["points"]
        rows, region_ids = sampled_points(inputs)
        sizes = [len(row) for row in rows]

        with torch.no_grad():
            lidar_bev = self.extract_pts_bev(points)
        lidar = self.pts_projector(read_bev(lidar_bev, points, rows, self.grid)).split(sizes)
        camera_bev = self.extract_img_bev(inputs)
        camera = self.img_projector(read_bev(camera_bev, points, rows, self.grid)).split(sizes)

        losses = []
        if self.direction in ("camera_to_lidar", "both"):
            losses.append(self.loss_rad(camera, lidar, region_ids, rows))
        if self.direction in ("lidar_to_camera", "both"):
            losses.append(self.loss_rad(lidar, camera, region_ids, rows))
        return {"loss_rad": sum(losses) / len(losses), **count_drawn_points(region_ids)}
