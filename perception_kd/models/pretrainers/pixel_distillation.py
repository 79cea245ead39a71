"""PPKT: points of a LiDAR network learn from the pixels of an image network."""

from typing import Any

import torch
from torch import Tensor

from perception_kd.models.pretrainers.image_to_lidar import ImageToLidarPretrainer
from perception_kd.models.pretrainers.pair_descriptions import describe_pairs
from perception_kd.registry import MODELS
from perception_kd.structures import Batch, ConfigDict


@MODELS.register_module()
class PixelDistillation(ImageToLidarPretrainer):
    """Contrast points with the pixels that they fall on [1], as re-implemented in [2].

    - [1] Learning from 2D: Contrastive Pixel-to-Point Knowledge Transfer for 3D
      Pretraining, 2021, https://arxiv.org/abs/2104.04687
    - [2] Image-to-Lidar Self-Supervised Distillation for Autonomous Driving Data, 2022,
      https://arxiv.org/abs/2203.16258

    Args:
        num_samples: Number of pairs, not of samples, compared per step, M; all of them
            if there are fewer.
        img_backbone, img_head, pts_voxelizer, pts_head, loss_contrast,
            pts_voxel_encoder, pts_middle_encoder, pts_backbone, pts_neck, pair_weights,
            data_preprocessor: As in :class:`ImageToLidarPretrainer`.

    Raises:
        ValueError: If ``num_samples`` is not positive.
    """

    def __init__(
        self,
        *,
        img_backbone: ConfigDict,
        img_head: ConfigDict,
        pts_voxelizer: ConfigDict,
        pts_head: ConfigDict,
        loss_contrast: ConfigDict,
        num_samples: int = 4096,
        pts_voxel_encoder: ConfigDict | None = None,
        pts_middle_encoder: ConfigDict | None = None,
        pts_backbone: ConfigDict | None = None,
        pts_neck: ConfigDict | None = None,
        pair_weights: ConfigDict | None = None,
        data_preprocessor: ConfigDict | None = None,
    ) -> None:
        super().__init__(
            img_backbone=img_backbone,
            img_head=img_head,
            pts_voxelizer=pts_voxelizer,
            pts_head=pts_head,
            loss_contrast=loss_contrast,
            pts_voxel_encoder=pts_voxel_encoder,
            pts_middle_encoder=pts_middle_encoder,
            pts_backbone=pts_backbone,
            pts_neck=pts_neck,
            pair_weights=pair_weights,
            data_preprocessor=data_preprocessor,
        )
        if num_samples < 1:
            raise ValueError(f"num_samples must be positive, but got {num_samples}.")
        self.num_samples = num_samples

    def loss(self, inputs: Batch, data_samples: list[Any]) -> dict[str, Tensor]:
        """Compute the loss of one batch.

        Args:
            inputs: The batch of ``docs/sample.md``, with P pairs.
            data_samples: One per sample; the ``seed`` of each, which ``DrawSeed`` drew,
                fixes the draw of the M pairs, so that it does not depend on what was
                drawn before.

        Returns:
            ``loss_contrast``; the monitor ``num_pairs``, the number of pairs compared.

        Raises:
            ValueError: If a data sample has no ``seed``.
        """
        points = self.extract_point_feats(inputs["points"])
        visible = points.in_range[inputs["pairing_points"]].nonzero().squeeze(1)
        generator = torch.Generator().manual_seed(_sum_seeds(data_samples))
        drawn = visible[sample_pairs(len(visible), self.num_samples, generator).to(visible.device)]

        img_feats = self.read_teacher(inputs, data_samples)
        pixel_feats = self.img_head.sample(img_feats, inputs["pairing_images"][drawn])
        point_feats = points.feats[inputs["pairing_points"][drawn]]
        return {
            "loss_contrast": self.contrast(
                point_feats,
                pixel_feats,
                lambda: describe_pairs(inputs, data_samples, img_feats, drawn),
            ),
            "num_pairs": point_feats.new_full((), len(drawn)),
        }


def sample_pairs(num_pairs: int, num_draws: int, generator: torch.Generator) -> Tensor:
    """Draw some of all pairs without replacement.

    PPKT compares 4096 random pairs of a batch, since the cost of the loss grows with
    their square.

    Args:
        num_pairs: Number of pairs P to draw from.
        num_draws: Number of pairs to draw.
        generator: Source of the random numbers; the result is on its device.

    Returns:
        Rows of pairs in random order, shape (M,), int64, with M the smaller of the two
        numbers.

    Example:
        >>> sample_pairs(100, 3, torch.Generator().manual_seed(0)).shape
        torch.Size([3])
    """
    order = torch.randperm(num_pairs, generator=generator, device=generator.device)
    return order[:num_draws]


def _sum_seeds(data_samples: list[Any]) -> int:
    seeds = [sample.seed for sample in data_samples if hasattr(sample, "seed")]
    if len(seeds) < len(data_samples):
        raise ValueError(
            "The data samples have no seed: put DrawSeed into the pipeline, before packing."
        )
    return sum(seeds)
