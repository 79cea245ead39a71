"""Map segmentation from LiDAR, cameras or both, by way of a bird's-eye-view map."""

from typing import Any

import torch
from mmengine.structures import PixelData
from torch import Tensor

from perception_kd.models.networks.bev_network import BEVNetworkMixin
from perception_kd.models.networks.task_model import TaskModel
from perception_kd.registry import MODELS

Config = dict[str, Any]


@MODELS.register_module()
class BEVMapSegmentor(BEVNetworkMixin, TaskModel):
    """Classes for the cells around the vehicle.

    Which sensors it sees is what its network is made of: ``pts_*`` parts, ``img_*``
    parts with a view transform, or both with a ``fuser``.

    Args:
        map_head: A :class:`~perception_kd.models.heads.BEVMapHead` on the last map.
        data_preprocessor: Collates samples.
        **network: Parts of the network, as ``build_bev_network`` takes them.
    """

    def __init__(
        self, map_head: Config, data_preprocessor: Config | None = None, **network: Any
    ) -> None:
        super().__init__(data_preprocessor=data_preprocessor)
        self.build_bev_network(**network)
        self.map_head = MODELS.build(map_head)

    @property
    def class_names(self) -> dict[str, tuple[str, ...]]:
        """The head's classes."""
        return {"map_classes": self.map_head.classes}

    def forward_tensor(self, inputs: Config) -> Tensor:
        """Return logits (B, classes, Y, X)."""
        scores: Tensor = self.map_head(self.extract_bev(inputs))
        return scores

    def loss(self, inputs: Config, data_samples: list[Any]) -> dict[str, Tensor]:
        """Compute the loss of each class, ``loss_map_<class>``."""
        scores = self.forward_tensor(inputs)
        truth = torch.stack([sample.gt_bev_seg.masks for sample in data_samples])
        losses: dict[str, Tensor] = self.map_head.loss(scores, truth)
        return losses

    def predict(self, inputs: Config, data_samples: list[Any]) -> list[Any]:
        """Write ``pred_bev_seg.masks``, probabilities (classes, Y, X), into samples."""
        scores = self.forward_tensor(inputs)
        for sample, masks in zip(data_samples, scores.sigmoid(), strict=True):
            sample.pred_bev_seg = PixelData(masks=masks)
        return data_samples
