"""Boxes from LiDAR, cameras or both, by way of a bird's-eye-view map."""

from typing import Any

import torch
from mmdet3d.structures import LiDARInstance3DBoxes
from torch import Tensor

from perception_kd.models.heads import BEVCenterHead
from perception_kd.models.networks.task_model import Supervision
from perception_kd.models.tasks.bev_task_model import BEVTaskModel
from perception_kd.registry import MODELS
from perception_kd.structures import Batch

_BOXES = Supervision(
    "boxes",
    ("num_boxes",),
    "check that the info files have boxes of the classes of the head (convert the data with "
    "their annotations) and that these lie in point_cloud_range",
)


@MODELS.register_module()
class BEVDetector(BEVTaskModel):
    """A center-based detector over one map of features.

    The parts of the network determine its sensors: ``pts_*`` parts alone are
    CenterPoint [1], ``img_*`` parts with a view transform are a camera detector, and
    both with a ``fuser`` are BEVFusion [2] with CenterPoint's head. Parameter names are
    mmdet3d's, so weights can be exchanged in both directions.

    - [1] Center-based 3D Object Detection and Tracking, 2021,
      https://arxiv.org/abs/2006.11275
    - [2] BEVFusion: Multi-Task Multi-Sensor Fusion with Unified Bird's-Eye View
      Representation, 2023, https://arxiv.org/abs/2205.13542

    Args:
        pts_bbox_head: A :class:`~perception_kd.models.heads.BEVCenterHead` on the last
            map.
        pts_voxelizer, pts_voxel_encoder, pts_middle_encoder, pts_backbone, pts_neck,
            img_backbone, img_neck, view_transform, fuser, bev_backbone, bev_neck,
            freeze_sensors, data_preprocessor: As in :class:`BEVTaskModel`.
    """

    head_name = "pts_bbox_head"
    pts_bbox_head: BEVCenterHead

    @property
    def class_names(self) -> dict[str, tuple[str, ...]]:
        """The head's classes."""
        return {"box_classes": self.pts_bbox_head.classes}

    @property
    def supervision(self) -> Supervision:
        """Boxes."""
        return _BOXES

    def forward_tensor(self, inputs: Batch) -> Any:
        """Return for each task a list of one dict of maps, each (B, C, Y, X)."""
        return self.pts_bbox_head([self.extract_bev(inputs)])

    def loss(self, inputs: Batch, data_samples: list[Any]) -> dict[str, Tensor]:
        """Compute the losses, each the sum over the tasks.

        Args:
            inputs: The batch of ``docs/sample.md`` with ``points``, ``imgs`` or both.
            data_samples: One per sample, with ``gt_instances_3d``.

        Returns:
            ``loss_heatmap``, ``loss_bbox`` and the monitor ``num_boxes``, the mean
            number of boxes per sample; all scalars.
        """
        truth = [sample.gt_instances_3d for sample in data_samples]
        by_task = self.pts_bbox_head.loss_by_feat(self.forward_tensor(inputs), truth)
        losses = {
            kind: torch.stack([v for k, v in by_task.items() if k.endswith(kind)]).sum()
            for kind in ("loss_heatmap", "loss_bbox")
        }
        num_boxes = sum(len(boxes) for boxes in truth) / max(1, len(truth))
        return {**losses, "num_boxes": losses["loss_bbox"].new_full((), num_boxes)}

    def predict(self, inputs: Batch, data_samples: list[Any]) -> list[Any]:
        """Write ``pred_instances_3d`` into each sample.

        It has ``bboxes_3d`` in LiDAR coordinates, with velocity, ``scores_3d`` (G,) and
        ``labels_3d`` (G,).
        """
        metainfo = [dict(box_type_3d=LiDARInstance3DBoxes)] * len(data_samples)
        found = self.pts_bbox_head.predict_by_feat(self.forward_tensor(inputs), metainfo)
        for sample, boxes in zip(data_samples, found, strict=True):
            sample.pred_instances_3d = boxes
        return data_samples
