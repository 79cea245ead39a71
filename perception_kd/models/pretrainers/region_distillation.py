"""CALICO's RAD: a camera network learns from a LiDAR network, region by region."""

from typing import Any

from torch import Tensor, nn

from perception_kd.models.pretrainers.bev_points import count_points, sampled_points
from perception_kd.models.pretrainers.bev_pretrainer import Config
from perception_kd.models.pretrainers.lidar_to_camera import LidarToCameraPretrainer
from perception_kd.registry import MODELS

DIRECTIONS = ("camera_to_lidar", "lidar_to_camera", "both")


@MODELS.register_module()
class RegionDistillation(LidarToCameraPretrainer):
    """Contrast the camera's and the frozen LiDAR's map at points of regions [1, Eq. 3].

    Both maps are read at the same place, under the same augmentation; every region has
    the same weight whatever its number of points. The LiDAR's projector is the one that
    was learned by :class:`PointRegionContrast` and is frozen as well, so that what is
    imitated stands still. [1] does not say so: with ``learn_pts_projector=True`` a new
    one learns along, the teacher's map still being fixed.

    - [1] CALICO: Self-Supervised Camera-LiDAR Contrastive Pre-training for BEV
      Perception, 2024, https://arxiv.org/abs/2306.00349

    Args:
        pts_projector: The LiDAR's features at points to D channels.
        img_projector: The camera's features at points to D channels.
        loss_rad: Loss of lists of features of anchors, of candidates, of regions and of
            which points they are.
        direction: Who chooses: "camera_to_lidar" (camera features among the LiDAR's),
            "lidar_to_camera", or "both", the mean of the two.
        **kwargs: Arguments of :class:`LidarToCameraPretrainer`.

    Raises:
        ValueError: If ``direction`` is none of these.
    """

    pts_projector: nn.Module

    def __init__(
        self,
        pts_projector: Config,
        img_projector: Config,
        loss_rad: Config,
        direction: str = "camera_to_lidar",
        **kwargs: Any,
    ) -> None:
        super().__init__(pts_projector=pts_projector, **kwargs)
        if direction not in DIRECTIONS:
            raise ValueError(f'direction must be one of {DIRECTIONS}, but got "{direction}".')
        self.img_projector = MODELS.build(img_projector)
        self.loss_rad = MODELS.build(loss_rad)
        self.direction = direction

    def loss(self, inputs: Config, data_samples: list[Any]) -> dict[str, Tensor]:
        """Compute the loss of one batch.

        Args:
            inputs: The batch of ``docs/sample.md`` with ``points``, ``imgs`` and their
                matrices, and ``region_ids``.
            data_samples: Not used.

        Returns:
            ``loss_rad``; the monitors ``num_regions``, ``num_region_points`` and
            ``num_background_points`` of the compared points.
        """
        points = inputs["points"]
        rows, region_ids = sampled_points(inputs)
        sizes = [len(row) for row in rows]

        lidar_bev = self.extract_teacher_bev(points)
        lidar = self.pts_projector(self.read_points(lidar_bev, points, rows)).split(sizes)
        camera_bev = self.extract_img_bev(inputs)
        camera = self.img_projector(self.read_points(camera_bev, points, rows)).split(sizes)

        losses = []
        if self.direction in ("camera_to_lidar", "both"):
            losses.append(self.loss_rad(camera, lidar, region_ids, rows))
        if self.direction in ("lidar_to_camera", "both"):
            losses.append(self.loss_rad(lidar, camera, region_ids, rows))
        return {"loss_rad": sum(losses) / len(losses), **count_points(region_ids)}
