"""What every image-to-LiDAR distillation shares: a frozen teacher and a student."""

from abc import abstractmethod
from typing import Any

from mmengine.model import BaseModel
from torch import Tensor

from perception_kd.models.point_network import PointFeatures, PointNetworkMixin
from perception_kd.registry import MODELS

Config = dict[str, Any]


class ImageToLidarPretrainer(PointNetworkMixin, BaseModel):
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
        self.build_point_network(pts_voxelizer, **pts_network)
        self.pts_head = MODELS.build(pts_head)
        self.loss_contrast = MODELS.build(loss_contrast)

    def forward(
        self, inputs: Config, data_samples: list[Any] | None = None, mode: str = "tensor"
    ) -> Any:
        """Dispatch as mmengine's runner asks.

        Args:
            inputs: The batch of ``docs/sample.md``.
            data_samples: One a sample.
            mode: "loss" for training; "tensor" for the features of points and images;
                "predict" for the losses of a batch that is not trained on.

        Returns:
            A dict of losses and monitors; the features; or a list of one dict of
            floats, for :class:`MeanOverBatches`.

        Raises:
            ValueError: If ``mode`` is none of these.
        """
        if mode == "loss":
            return self.loss(inputs, data_samples)
        if mode == "predict":
            losses = self.loss(inputs, data_samples)
            return [{name: float(value) for name, value in losses.items()}]
        if mode == "tensor":
            point_feats = self.extract_point_feats(inputs["points"])
            return point_feats, self.extract_pixel_feats(inputs["imgs"])
        raise ValueError(f'mode must be "loss", "predict" or "tensor", but got "{mode}".')

    def extract_point_feats(self, points: list[Tensor]) -> PointFeatures:
        """Compute the student's features at all points, (N, D)."""
        return self.extract_pts_feat(points, self.pts_head)

    def extract_pixel_feats(self, imgs: Tensor) -> Tensor:
        """Compute the projected teacher's features at all pixels, (V, D, H, W)."""
        return self.img_head(self.img_backbone(imgs), size=imgs.shape[-2:])

    @abstractmethod
    def loss(self, inputs: Config, data_samples: list[Any] | None) -> dict[str, Tensor]:
        """Compute ``loss_*`` and the monitors ``num_*`` of one batch."""
