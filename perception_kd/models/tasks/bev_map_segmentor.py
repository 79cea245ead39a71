"""Map segmentation from LiDAR, cameras or both, by way of a bird's-eye-view map."""

from typing import Any

import torch
from mmengine.structures import PixelData
from torch import Tensor

from perception_kd.models.networks.bev_network import BEVNetworkMixin
from perception_kd.models.networks.task_model import TaskModel
from perception_kd.registry import MODELS
from perception_kd.structures import Batch, ConfigDict


@MODELS.register_module()
class BEVMapSegmentor(BEVNetworkMixin, TaskModel):
    """Classes for the cells around the vehicle.

    The parts of the network determine its sensors: ``pts_*`` parts, ``img_*`` parts
    with a view transform, or both with a ``fuser``.

    Args:
        map_head: A :class:`~perception_kd.models.heads.BEVMapHead` on the last map.
        pts_voxelizer, pts_voxel_encoder, pts_middle_encoder, pts_backbone, pts_neck:
            LiDAR branch, as in :meth:`~.BEVNetworkMixin.build_bev_network`.
        img_backbone, img_neck, view_transform: Camera branch, as there.
        fuser, bev_backbone, bev_neck: What follows the map of each sensor, as there.
        freeze_sensors: Freeze both sensor branches up to their BEV maps.
        data_preprocessor: Collates samples.
    """

    def __init__(
        self,
        *,
        map_head: ConfigDict,
        pts_voxelizer: ConfigDict | None = None,
        pts_voxel_encoder: ConfigDict | None = None,
        pts_middle_encoder: ConfigDict | None = None,
        pts_backbone: ConfigDict | None = None,
        pts_neck: ConfigDict | None = None,
        img_backbone: ConfigDict | None = None,
        img_neck: ConfigDict | None = None,
        view_transform: ConfigDict | None = None,
        fuser: ConfigDict | None = None,
        bev_backbone: ConfigDict | None = None,
        bev_neck: ConfigDict | None = None,
        freeze_sensors: bool = False,
        data_preprocessor: ConfigDict | None = None,
    ) -> None:
        super().__init__(data_preprocessor=data_preprocessor)
        self.build_bev_network(
            pts_voxelizer=pts_voxelizer,
            pts_voxel_encoder=pts_voxel_encoder,
            pts_middle_encoder=pts_middle_encoder,
            pts_backbone=pts_backbone,
            pts_neck=pts_neck,
            img_backbone=img_backbone,
            img_neck=img_neck,
            view_transform=view_transform,
            fuser=fuser,
            bev_backbone=bev_backbone,
            bev_neck=bev_neck,
            freeze_sensors=freeze_sensors,
        )
        self.map_head = MODELS.build(map_head)

    @property
    def class_names(self) -> dict[str, tuple[str, ...]]:
        """The head's classes."""
        return {"map_classes": self.map_head.classes}

    def forward_tensor(self, inputs: Batch) -> Tensor:
        """Return logits (B, classes, Y, X)."""
        scores: Tensor = self.map_head(self.extract_bev(inputs))
        return scores

    def loss(self, inputs: Batch, data_samples: list[Any]) -> dict[str, Tensor]:
        """Compute the loss of each class, ``loss_map_<class>``."""
        scores = self.forward_tensor(inputs)
        truth = torch.stack([sample.gt_bev_seg.masks for sample in data_samples])
        losses: dict[str, Tensor] = self.map_head.loss(scores, truth)
        return losses

    def predict(self, inputs: Batch, data_samples: list[Any]) -> list[Any]:
        """Write ``pred_bev_seg.masks``, probabilities (classes, Y, X), into samples."""
        scores = self.forward_tensor(inputs)
        for sample, masks in zip(data_samples, scores.sigmoid(), strict=True):
            sample.pred_bev_seg = PixelData(masks=masks)
        return data_samples
