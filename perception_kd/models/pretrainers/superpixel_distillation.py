"""SLidR: superpoints of a LiDAR network learn from superpixels of an image network."""

from typing import Any

from torch import Tensor

from perception_kd.models.pretrainers.image_to_lidar import ImageToLidarPretrainer
from perception_kd.models.pretrainers.pair_descriptions import describe_segments
from perception_kd.ops.segment_pool import pool_segments
from perception_kd.registry import MODELS
from perception_kd.structures import Batch


@MODELS.register_module()
class SuperpixelDistillation(ImageToLidarPretrainer):
    """Contrast each superpixel's points with its pixels [1].

    A superpixel's image feature is the mean of the normalized features of **all** its
    pixels, its LiDAR feature the mean over its **pairs**. Neither mean is normalized
    again. Superpixels without a pair are dropped; all other superpixels of the batch
    are negatives.

    - [1] Image-to-Lidar Self-Supervised Distillation for Autonomous Driving Data, 2022,
      https://arxiv.org/abs/2203.16258
    """

    def loss(self, inputs: Batch, data_samples: list[Any]) -> dict[str, Tensor]:
        """Compute the loss of one batch.

        Args:
            inputs: The batch of ``docs/sample.md``, with P pairs and S superpixels.
            data_samples: One per sample; only weights of pairs use them.

        Returns:
            ``loss_contrast``; the monitors ``num_pairs`` and
            ``num_superpixels_compared``, the numbers that are compared.
        """
        superpixels = inputs["superpixels"]  # (V, H, W)
        num_superpixels = inputs["num_superpixels"]
        view, row, col = inputs["pairing_images"].unbind(dim=1)

        points = self.extract_point_feats(inputs["points"])
        paired_feats = points.feats[inputs["pairing_points"]]  # (P, D)
        paired_superpixels = superpixels[view, row, col].masked_fill(
            ~points.in_range[inputs["pairing_points"]], -1
        )
        superpoint_feats, pair_counts = pool_segments(
            paired_feats, paired_superpixels, num_superpixels
        )  # (S, D), (S,)
        img_feats = self.read_teacher(inputs, data_samples)
        superpixel_feats = self.pool_teacher(inputs, img_feats)  # (S, D)
        seen = pair_counts > 0
        return {
            "loss_contrast": self.contrast(
                superpoint_feats[seen],
                superpixel_feats[seen],
                lambda: describe_segments(inputs, data_samples, img_feats, paired_superpixels),
            ),
            "num_pairs": pair_counts.sum().float(),
            "num_superpixels_compared": seen.sum().float(),
        }

    def pool_teacher(self, inputs: Batch, img_feats: Tensor) -> Tensor:
        """Compute the projected features of all superpixels, (S, D).

        Means over superpixels that come from a cache are projected, and then
        normalized: each superpixel has unit length, where the mean of its normalized
        pixels is shorter the more they differ.

        Args:
            inputs: The batch.
            img_feats: What :meth:`read_teacher` gives.
        """
        if "superpixel_feats" in inputs:
            means: Tensor = self.img_head.project_means(img_feats)
            return means
        superpixel_feats: Tensor = self.img_head.pool(
            img_feats, inputs["superpixels"], inputs["num_superpixels"]
        )[0]
        return superpixel_feats
