"""Run pre-trained image-to-LiDAR networks on samples of a test set."""

from typing import Any

import torch
from mmengine import Config
from mmengine.dataset import BaseDataset, pseudo_collate
from mmengine.registry import init_default_scope
from torch import Tensor

from perception_kd.checkpoints.loading import load_pretrained
from perception_kd.models.networks.lidar_network import PointFeatures
from perception_kd.models.pretrainers.image_to_lidar import ImageToLidarPretrainer
from perception_kd.registry import DATASETS, MODELS, TRANSFORMS
from perception_kd.structures import Sample


def load_pretrainer(cfg: Config, checkpoint: str) -> ImageToLidarPretrainer:
    """Build the networks of a pre-training and load all their weights.

    Args:
        cfg: Config of the pre-training.
        checkpoint: File written by ``tools/train.py``.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the config is of another kind, or the weights do not fit.
    """
    init_default_scope(cfg.default_scope)
    model: Any = MODELS.build(cfg.model).eval()
    is_pretrainer = isinstance(model, ImageToLidarPretrainer)
    if not is_pretrainer:
        raise ValueError(
            f"{cfg.filename} is not an image-to-LiDAR pre-training: it builds a "
            f"{type(model).__name__}; give the config that the checkpoint was trained with."
        )
    load_pretrained(model, checkpoint, min_share=1.0)
    return model


def split_pipeline(cfg: Config) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the test pipeline of a config without packing, and packing."""
    *steps, packing = cfg.test_dataloader.dataset.pipeline
    return steps, packing


def build_test_set(cfg: Config, pipeline: list[dict[str, Any]]) -> BaseDataset:
    """Build the test set of a config with another pipeline."""
    return DATASETS.build({**cfg.test_dataloader.dataset, "pipeline": pipeline})


def pack(sample: Sample, packing: dict[str, Any]) -> dict[str, Any]:
    """Return a sample as a batch of one."""
    return pseudo_collate([TRANSFORMS.build(packing)(sample)])


@torch.no_grad()
def extract_features(
    model: ImageToLidarPretrainer, batch: dict[str, Any]
) -> tuple[PointFeatures, Tensor]:
    """Return the student's features of all points, and the teacher's of all pixels.

    Args:
        model: Pre-trained networks.
        batch: A batch as collated, before the data preprocessor.

    Returns:
        Features of the points, (N, D), and of the pixels, (V, D, H, W).
    """
    preprocess: Any = model.data_preprocessor
    point_feats, pixel_feats = model(preprocess(batch)["inputs"], mode="tensor")
    return point_feats, pixel_feats
