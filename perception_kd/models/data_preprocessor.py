"""Batches of camera-LiDAR samples: device, normalization, indices that stay unique."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from mmengine.model import BaseDataPreprocessor
from torch import Tensor

from perception_kd.registry import MODELS
from perception_kd.structures import Batch, CollatedBatch

# Features of the teacher from a cache.
_STORED: tuple[Literal["superpixel_feats", "teacher_maps"], ...] = (
    "superpixel_feats",
    "teacher_maps",
)
# Keys with one entry per view, of which every sample with pairs has one.
_BY_VIEW = ("imgs", "superpixels", "teacher_maps")


def make_superpixels_unique(superpixels: Tensor) -> tuple[Tensor, int]:
    """Shift the ids of each image behind those of the images before it.

    The shift is the number of ids that the images before really use, so no id can run
    into the next image's, however many segments there are (SLidR's fixed stride of 150
    could).

    Args:
        superpixels: Ids from 0 in each image, -1 = none, integer, shape (V, H, W).

    Returns:
        Ids unique over the images, -1 = none, int64, shape (V, H, W); and S, one more
        than the largest id. Ids that no pixel has (cropped away) may lie between.
    """
    if superpixels.numel() == 0:
        return superpixels.long(), 0
    num_ids = superpixels.flatten(1).amax(dim=1).long() + 1  # (V,)
    offsets = num_ids.cumsum(0) - num_ids
    shifted = superpixels.long() + offsets[:, None, None]
    return shifted.masked_fill(superpixels < 0, -1), int(num_ids.sum())


@MODELS.register_module()
class CameraLidarDataPreprocessor(BaseDataPreprocessor):
    """Collate packed samples into the batch of ``docs/sample.md``.

    Args:
        mean: Mean of the teacher's training images, RGB in 0..255, 3 values.
        std: Standard deviation of these images, 3 values.
        non_blocking: Whether copies to the device may overlap with computation.

    Raises:
        ValueError: If ``mean`` or ``std`` has not 3 values, or a ``std`` is not
            positive.
    """

    def __init__(
        self,
        mean: Sequence[float] = (123.675, 116.28, 103.53),
        std: Sequence[float] = (58.395, 57.12, 57.375),
        non_blocking: bool = False,
    ) -> None:
        super().__init__(non_blocking=non_blocking)
        if len(mean) != 3 or len(std) != 3 or min(std) <= 0:
            raise ValueError(
                f"mean and std must have 3 values, std positive, but got {mean} and {std}."
            )
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(3, 1, 1), persistent=False)

    def forward(self, data: Mapping[str, Any], training: bool = False) -> CollatedBatch:
        """Return ``inputs`` and ``data_samples`` of B samples as one batch.

        Args:
            data: ``inputs``, B packed dicts of tensors (``pseudo_collate`` makes one
                dict of lists of them), and ``data_samples``, B of them.
            training: Not used: training and test batches are collated the same way.
        """
        data = self.cast_data(dict(data))
        packed = data["inputs"]
        inputs: Batch = {}
        if "points" in packed:
            inputs["points"] = list(packed["points"])
        if "imgs" in packed:
            imgs = torch.cat(list(packed["imgs"])).float()
            inputs["imgs"] = (imgs - self.mean) / self.std
        if "lidar2cam" in packed:
            self._collate_cameras(packed, inputs)
        if "superpixels" in packed:
            superpixels = torch.cat(list(packed["superpixels"]))
            inputs["superpixels"], inputs["num_superpixels"] = make_superpixels_unique(superpixels)
        if "pairing_points" in packed:
            self._collate_pairs(packed, inputs)
        if "cloud_views" in packed:
            inputs["cloud_views"] = [list(view) for view in packed["cloud_views"]]
        self._collate_further(packed, inputs)
        return {"inputs": inputs, "data_samples": data.get("data_samples")}

    @staticmethod
    def _collate_further(packed: Mapping[str, Sequence[Tensor]], inputs: Batch) -> None:
        if "region_ids" in packed:
            inputs["region_ids"] = [ids.long() for ids in packed["region_ids"]]
        if "sampled_points" in packed:
            inputs["sampled_points"] = list(packed["sampled_points"])
        for key in _STORED:
            if key in packed:
                inputs[key] = torch.cat(list(packed[key])).float()

    @staticmethod
    def _collate_cameras(packed: Mapping[str, Sequence[Tensor]], inputs: Batch) -> None:
        lidar2cam = packed["lidar2cam"]
        # Filled on the device: numbers of the CPU would have to wait for it.
        samples = [
            torch.full((len(views),), sample, device=views.device)
            for sample, views in enumerate(lidar2cam)
        ]
        inputs["lidar2cam"] = torch.cat(list(lidar2cam))
        inputs["cam2img"] = torch.cat(list(packed["cam2img"]))
        inputs["img_aug_matrix"] = torch.cat(list(packed["img_aug_matrix"]))
        inputs["view_sample"] = torch.cat(samples)
        inputs["lidar_aug_matrix"] = torch.stack(list(packed["lidar_aug_matrix"]))

    @staticmethod
    def _collate_pairs(packed: Mapping[str, Sequence[Tensor]], inputs: Batch) -> None:
        pairing_points, pairing_images = [], []
        num_points = num_views = 0
        # Features of the teacher from a cache come without images.
        views = next(packed[key] for key in _BY_VIEW if key in packed)
        for points, of_views, point_rows, pixels in zip(
            packed["points"],
            views,
            packed["pairing_points"],
            packed["pairing_images"],
            strict=True,
        ):
            pairing_points.append(point_rows + num_points)
            view, row, col = pixels.unbind(dim=1)
            pairing_images.append(torch.stack([view + num_views, row, col], dim=1))
            num_points += len(points)
            num_views += len(of_views)
        inputs["pairing_points"] = torch.cat(pairing_points)
        inputs["pairing_images"] = torch.cat(pairing_images)
