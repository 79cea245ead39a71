"""SimIPU on bird's-eye-view maps: camera and LiDAR networks learn from each other."""

from typing import Any

from torch import Tensor

from perception_kd.models.pretrainers.bev_points import count_points, sampled_points, two_cloud_views
from perception_kd.models.pretrainers.bev_pretrainer import CameraLidarPretrainer, Config
from perception_kd.registry import MODELS


@MODELS.register_module()
class CameraLidarContrast(CameraLidarPretrainer):
    """Contrast two views of a cloud, and the cloud and the cameras; both learn [1].

    As CALICO [2] compares with it, seen from above: the intra-modal term is between
    the same points of two views, the inter-modal one between the LiDAR's map of the
    first view and the cameras' map, which follows that view. [1] matches the points of
    its views after undoing the augmentation; here rows say which belong together.

    - [1] SimIPU: Simple 2D Image and 3D Point Cloud Unsupervised Pre-Training for
      Spatial-Aware Visual Representations, 2022, https://arxiv.org/abs/2112.04680
    - [2] CALICO: Self-Supervised Camera-LiDAR Contrastive Pre-training for BEV
      Perception, 2024, https://arxiv.org/abs/2306.00349

    Args:
        pts_projector: The LiDAR's features at points to the channels compared within
            the LiDAR.
        pts_img_projector: The same to the channels compared with cameras.
        img_projector: The cameras' features at points to these channels.
        loss_intra: Loss of lists of features of both views, of regions and of which
            points they are.
        loss_inter: The same of LiDAR and camera.
        **kwargs: Arguments of :class:`CameraLidarPretrainer`.
    """

    def __init__(
        self,
        pts_projector: Config,
        pts_img_projector: Config,
        img_projector: Config,
        loss_intra: Config,
        loss_inter: Config,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.pts_projector = MODELS.build(pts_projector)
        self.pts_img_projector = MODELS.build(pts_img_projector)
        self.img_projector = MODELS.build(img_projector)
        self.loss_intra = MODELS.build(loss_intra)
        self.loss_inter = MODELS.build(loss_inter)

    def loss(self, inputs: Config, data_samples: list[Any]) -> dict[str, Tensor]:
        """Compute the loss of one batch.

        Args:
            inputs: The batch of ``docs/sample.md`` with two ``cloud_views``, ``imgs`` and
                their matrices, and ``region_ids`` where there are regions.
            data_samples: Not used.

        Returns:
            ``loss_intra`` and ``loss_inter``; the monitors ``num_regions``,
            ``num_region_points`` and ``num_background_points`` of what is compared.

        Raises:
            ValueError: If there are not two views.
        """
        first, second = two_cloud_views(inputs)
        rows, region_ids = sampled_points(inputs)
        sizes = [len(row) for row in rows]

        lidar, lidar_second = (
            self.read_points(self.extract_pts_bev(view), view, rows) for view in (first, second)
        )
        camera = self.read_points(self.extract_img_bev(inputs), first, rows)

        intra = (self.pts_projector(feats).split(sizes) for feats in (lidar, lidar_second))
        inter = (
            self.pts_img_projector(lidar).split(sizes),
            self.img_projector(camera).split(sizes),
        )
        return {
            "loss_intra": self.loss_intra(*intra, region_ids, rows),
            "loss_inter": self.loss_inter(*inter, region_ids, rows),
            **count_points(region_ids),
        }
