"""LiDAR semantic segmentation: what pre-training is judged by."""

from typing import Any

import torch
from mmdet3d.structures import PointData
from mmengine.model import BaseModel
from torch import Tensor, nn

from perception_kd.models.point_network import PointNetworkMixin
from perception_kd.registry import MODELS

Config = dict[str, Any]


@MODELS.register_module()
class PointSegmentor(PointNetworkMixin, BaseModel):
    """A class for every point, from a LiDAR network and a point-wise head.

    Args:
        pts_voxelizer: Points to voxels.
        pts_seg_head: Voxel or BEV features to class scores at the points. A linear one
            and ``freeze_backbone`` make the linear probe.
        loss_seg: Loss of scores (M, C) and classes (M,).
        ignore_index: Class of points that take no part in the loss.
        freeze_backbone: Whether only the head is trained. The rest then stays in eval
            mode throughout, so its BatchNorm statistics cannot drift.
        data_preprocessor: Collates samples.
        **pts_network: Configs of the network's parts by mmdet3d's names
            (``pts_voxel_encoder``, ``pts_middle_encoder``, ``pts_backbone``,
            ``pts_neck``).
    """

    def __init__(
        self,
        pts_voxelizer: Config,
        pts_seg_head: Config,
        loss_seg: Config | None = None,
        ignore_index: int = 255,
        freeze_backbone: bool = False,
        data_preprocessor: Config | None = None,
        **pts_network: Config,
    ) -> None:
        super().__init__(data_preprocessor=data_preprocessor)
        self.build_point_network(pts_voxelizer, **pts_network)
        self.pts_seg_head = MODELS.build(pts_seg_head)
        self.loss_seg = MODELS.build(loss_seg) if loss_seg else nn.CrossEntropyLoss()
        self.ignore_index = ignore_index
        self.freeze_backbone = freeze_backbone
        if freeze_backbone:
            for part in self.point_network_parts():
                part.requires_grad_(False)
            self.train(self.training)

    def train(self, mode: bool = True) -> "PointSegmentor":
        """Set the mode; frozen parts stay in eval whatever is asked for."""
        super().train(mode)
        if self.freeze_backbone:
            for part in self.point_network_parts():
                part.eval()
        return self

    def forward(
        self, inputs: Config, data_samples: list[Any] | None = None, mode: str = "tensor"
    ) -> Any:
        """Dispatch as mmengine's runner asks.

        Args:
            inputs: The batch of ``docs/sample.md``.
            data_samples: One a sample, with ``gt_pts_seg`` where ``mode`` is "loss".
            mode: "loss" for training, "predict" for classes, "tensor" for scores (N,
                C).

        Raises:
            ValueError: If ``mode`` is none of these.
        """
        if mode == "loss":
            return self.loss(inputs, data_samples or [])
        if mode == "predict":
            return self.predict(inputs, data_samples or [])
        if mode == "tensor":
            return self.extract_pts_feat(inputs["points"], self.pts_seg_head).feats
        raise ValueError(f'mode must be "loss", "predict" or "tensor", but got "{mode}".')

    def loss(self, inputs: Config, data_samples: list[Any]) -> dict[str, Tensor]:
        """Compute the loss over the labeled points in range.

        Returns:
            ``loss_seg``, zero where no point counts, and the monitor ``acc_seg`` in
            percent.
        """
        scores, in_range = self.extract_pts_feat(inputs["points"], self.pts_seg_head)
        classes = torch.cat([s.gt_pts_seg.pts_semantic_mask for s in data_samples])
        counted = in_range & (classes != self.ignore_index)
        scores, classes = scores[counted], classes[counted]
        if len(classes) == 0:
            return {"loss_seg": scores.sum() * 0.0, "acc_seg": scores.new_zeros(())}
        correct = scores.argmax(dim=1) == classes
        return {"loss_seg": self.loss_seg(scores, classes), "acc_seg": 100 * correct.float().mean()}

    def predict(self, inputs: Config, data_samples: list[Any]) -> list[Any]:
        """Write ``pred_pts_seg.pts_semantic_mask``, (N_b,) int64, into each sample.

        Points that the network did not see get ``ignore_index``.
        """
        scores, in_range = self.extract_pts_feat(inputs["points"], self.pts_seg_head)
        classes = scores.argmax(dim=1).masked_fill(~in_range, self.ignore_index)
        sizes = [len(cloud) for cloud in inputs["points"]]
        for sample, predicted in zip(data_samples, classes.split(sizes), strict=True):
            sample.pred_pts_seg = PointData(pts_semantic_mask=predicted)
        return data_samples
