"""Checkpoints of version 0.1 load, and compute what they did there.

``data/`` holds small ones, made by commit 25618a3, with the entries that mmengine's
runner writes, and the input and the output for it.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import Module

from perception_kd.checkpoints.loading import load_weights
from perception_kd.checkpoints.reading import read_checkpoint
from tests.models.pretrainers import (
    test_point_region_contrast,
    test_region_distillation,
    test_superpixel_distillation,
)
from tests.models.tasks.test_point_segmentor import make_segmentor

DATA = Path(__file__).parent / "data"
# A smaller teacher than that of the other tests: the file holds it.
TEACHER: dict[str, Any] = dict(
    img_backbone=dict(
        type="FrozenBackbone",
        backbone=dict(
            type="mmdet.ResNet",
            depth=18,
            base_channels=4,
            num_stages=1,
            strides=(2,),
            dilations=(1,),
            out_indices=(0,),
        ),
    ),
    img_head=dict(type="PixelProjection", in_channels=4, out_channels=6, scale_factor=8),
)
MODELS: dict[str, Callable[[], Any]] = {
    "point_segmentor": make_segmentor,
    "point_region_contrast": test_point_region_contrast.make_pretrainer,
    "superpixel_distillation": lambda: test_superpixel_distillation.make_pretrainer(**TEACHER),
    "region_distillation": test_region_distillation.make_pretrainer,
}


def scores_of_points(model: Any, stored: dict[str, Any]) -> Tensor:
    scores: Tensor = model(stored, mode="tensor")
    return scores


def lidar_map(model: Any, stored: dict[str, Any]) -> Tensor:
    """Compute every other cell of the BEV map."""
    bev: Tensor = model.extract_pts_bev(stored["points"])
    return bev[:, :, ::2, ::2]


def features_of_points_and_pixels(model: Any, stored: dict[str, Any]) -> Tensor:
    """Compute the features of all points and of every seventh pixel."""
    points, pixel_feats = model(stored, mode="tensor")
    pixels = pixel_feats.flatten(2).movedim(1, 2).flatten(0, 1)[::7]
    return torch.cat([points.feats, pixels])


def both_maps(model: Any, stored: dict[str, Any]) -> Tensor:
    """Compute every other cell of the BEV maps of the LiDAR and of the cameras."""
    # Computed, since the images alone would double the file.
    imgs = torch.arange(4 * 3 * 64 * 96.0).sin().reshape(4, 3, 64, 96)
    camera: Tensor = model.extract_img_bev({**stored, "imgs": imgs})
    return torch.cat([lidar_map(model, stored), camera[:, :, ::2, ::2]], dim=1)


OUTPUTS: dict[str, Callable[[Any, dict[str, Any]], Tensor]] = {
    "point_segmentor": scores_of_points,
    "point_region_contrast": lidar_map,
    "superpixel_distillation": features_of_points_and_pixels,
    "region_distillation": both_maps,
}


@pytest.mark.parametrize("name", MODELS)
def test_parameters_and_outputs_are_unchanged(name: str) -> None:
    model: Module = MODELS[name]().eval()
    checkpoint = read_checkpoint(DATA / f"{name}.pth")
    report = load_weights(model, checkpoint, min_share=1.0)
    assert not report.unexpected
    for key, value in model.state_dict().items():
        assert torch.equal(value, checkpoint.state_dict[key]), key
    content = torch.load(DATA / f"{name}.pth", weights_only=True)
    with torch.no_grad():
        output = OUTPUTS[name](model, content)
    torch.testing.assert_close(output, content["output"], rtol=1e-5, atol=1e-6)


def test_the_class_names_of_the_training_data_are_read() -> None:
    checkpoint = read_checkpoint(DATA / "point_segmentor.pth")
    assert checkpoint.meta["dataset_meta"]["seg_classes"] == ("car", "road", "tree")
