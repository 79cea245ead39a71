"""Map segmentation from LiDAR, cameras or both, by way of a bird's-eye-view map."""

from typing import Any

import torch
from mmengine.model import BaseModel
from mmengine.structures import PixelData
from torch import Tensor

from perception_kd.models.bev_network import BEVNetworkMixin
from perception_kd.registry import MODELS

Config = dict[str, Any]


@MODELS.register_module()
class BEVMapSegmentor(BEVNetworkMixin, BaseModel):
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

    def forward(
        self, inputs: Config, data_samples: list[Any] | None = None, mode: str = "tensor"
    ) -> Any:
        """Dispatch as mmengine's runner asks.

        Args:
            inputs: The batch of ``docs/sample.md``.
            data_samples: One a sample, with ``gt_bev_seg`` where ``mode`` is "loss".
            mode: "loss" for training, "predict" for probabilities, "tensor" for logits
                (B, classes, Y, X).

        Raises:
            ValueError: If ``mode`` is none of these.
        """
        if mode == "loss":
            return self.loss(inputs, data_samples or [])
        if mode == "predict":
            return self.predict(inputs, data_samples or [])
        if mode == "tensor":
            return self.map_head(self.extract_bev(inputs))
        raise ValueError(f'mode must be "loss", "predict" or "tensor", but got "{mode}".')

    def loss(self, inputs: Config, data_samples: list[Any]) -> dict[str, Tensor]:
        """Compute the loss of each class, ``loss_map_<class>``."""
        scores = self.map_head(self.extract_bev(inputs))
        truth = torch.stack([sample.gt_bev_seg.masks for sample in data_samples])
        losses: dict[str, Tensor] = self.map_head.loss(scores, truth)
        return losses

    def predict(self, inputs: Config, data_samples: list[Any]) -> list[Any]:
        """Write ``pred_bev_seg.masks``, probabilities (classes, Y, X), into samples."""
        scores = self.map_head(self.extract_bev(inputs))
        for sample, masks in zip(data_samples, scores.sigmoid(), strict=True):
            sample.pred_bev_seg = PixelData(masks=masks)
        return data_samples
