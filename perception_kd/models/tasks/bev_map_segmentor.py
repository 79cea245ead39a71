"""Map segmentation from LiDAR, cameras or both, by way of a bird's-eye-view map."""

from typing import Any

import torch
from mmengine.structures import PixelData
from torch import Tensor

from perception_kd.models.heads import BEVMapHead
from perception_kd.models.networks.task_model import Supervision
from perception_kd.models.tasks.bev_task_model import BEVTaskModel
from perception_kd.registry import MODELS
from perception_kd.structures import Batch

_CELLS = Supervision(
    "labeled cells of maps",
    ("num_labeled_cells",),
    "check that the folder of maps belongs to the data, and the locations and poses of the info "
    "files",
)


@MODELS.register_module()
class BEVMapSegmentor(BEVTaskModel):
    """Classes for the cells around the vehicle.

    The parts of the network determine its sensors: ``pts_*`` parts, ``img_*`` parts
    with a view transform, or both with a ``fuser``.

    Args:
        map_head: A :class:`~perception_kd.models.heads.BEVMapHead` on the last map.
        pts_voxelizer, pts_voxel_encoder, pts_middle_encoder, pts_backbone, pts_neck,
            img_backbone, img_neck, view_transform, fuser, bev_backbone, bev_neck,
            freeze_sensors, data_preprocessor: As in :class:`BEVTaskModel`.
    """

    head_name = "map_head"
    map_head: BEVMapHead

    @property
    def class_names(self) -> dict[str, tuple[str, ...]]:
        """The head's classes."""
        return {"map_classes": self.map_head.classes}

    @property
    def supervision(self) -> Supervision:
        """Cells with a class."""
        return _CELLS

    def forward_tensor(self, inputs: Batch) -> Tensor:
        """Return logits (B, classes, Y, X)."""
        scores: Tensor = self.map_head(self.extract_bev(inputs))
        return scores

    def loss(self, inputs: Batch, data_samples: list[Any]) -> dict[str, Tensor]:
        """Compute the losses.

        Args:
            inputs: The batch of ``docs/sample.md`` with ``points``, ``imgs`` or both.
            data_samples: One per sample, with ``gt_bev_seg.masks``, (classes, Y, X).

        Returns:
            ``loss_map_<class>`` of each class; the monitor ``num_labeled_cells``, the
            cells with any class.
        """
        scores = self.forward_tensor(inputs)
        truth = torch.stack([sample.gt_bev_seg.masks for sample in data_samples])
        losses: dict[str, Tensor] = self.map_head.loss(scores, truth)
        return {**losses, "num_labeled_cells": truth.any(dim=1).sum().float()}

    def predict(self, inputs: Batch, data_samples: list[Any]) -> list[Any]:
        """Write ``pred_bev_seg.masks``, probabilities (classes, Y, X), into samples."""
        scores = self.forward_tensor(inputs)
        for sample, masks in zip(data_samples, scores.sigmoid(), strict=True):
            sample.pred_bev_seg = PixelData(masks=masks)
        return data_samples
