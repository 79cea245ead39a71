"""What every image-to-LiDAR distillation shares: a frozen teacher and a student."""

from typing import Any

from torch import Tensor

from perception_kd.models.networks.lidar_network import PointFeatures, LidarNetworkMixin
from perception_kd.models.networks.task_model import Pretrainer
from perception_kd.registry import MODELS

Config = dict[str, Any]


class ImageToLidarPretrainer(LidarNetworkMixin, Pretrainer):
    """A LiDAR network learns from a frozen image network, by pairs of point and pixel.

    Of the image side only the head is trained. A subclass says what is compared, in
    ``loss``.

    Args:
        img_backbone: Frozen teacher: (V, 3, H, W) to (V, C, h, w).
        img_head: Projection of the teacher's map to the D channels that are compared.
        pts_voxelizer: Points to voxels.
        pts_head: Voxel or BEV features to D channels at the points.
        pts_network: Configs of the student's parts by mmdet3d's names
            (``pts_voxel_encoder``, ``pts_middle_encoder``, ``pts_backbone``,
            ``pts_neck``).
        loss_contrast: Loss of two lists of paired features, (M, D) each.
        data_preprocessor: Collates, and normalizes images for the teacher.
    """

    def __init__(
        self,
        img_backbone: Config,
        img_head: Config,
        pts_voxelizer: Config,
        pts_head: Config,
        loss_contrast: Config,
        data_preprocessor: Config | None = None,
        **pts_network: Config,
    ) -> None:
        super().__init__(data_preprocessor=data_preprocessor)
        self.img_backbone = MODELS.build(img_backbone)
        self.img_head = MODELS.build(img_head)
        self.build_lidar_network(pts_voxelizer, **pts_network)
        self.pts_head = MODELS.build(pts_head)
        self.loss_contrast = MODELS.build(loss_contrast)

    def forward_tensor(self, inputs: Config) -> tuple[PointFeatures, Tensor]:
        """Return the features of points and of images."""
        point_feats = self.extract_point_feats(inputs["points"])
        return point_feats, self.extract_pixel_feats(inputs["imgs"])

    def extract_point_feats(self, points: list[Tensor]) -> PointFeatures:
        """Compute the student's features at all points, (N, D)."""
        return self.extract_pts_feat(points, self.pts_head)

    def extract_pixel_feats(self, imgs: Tensor) -> Tensor:
        """Compute the projected teacher's features at all pixels, (V, D, H, W)."""
        return self.img_head(self.img_backbone(imgs), size=imgs.shape[-2:])
