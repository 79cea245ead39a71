"""Each task counts what it learns from, and counts zero where there is nothing."""

from typing import Any

import pytest
import torch

from perception_kd.models.networks.task_model import TaskModel
from tests.models.pretrainers import (
    test_bev_distillation,
    test_camera_lidar_contrast,
    test_pixel_distillation,
    test_point_region_contrast,
    test_region_distillation,
    test_superpixel_distillation,
)
from tests.models.pretrainers.tiny import make_inputs
from tests.models.pretrainers.tiny_bev import make_batch, make_camera_batch
from tests.models.tasks import test_bev_detector, test_bev_map_segmentor, test_point_segmentor


def count(model: TaskModel, inputs: Any, samples: list[Any]) -> float:
    """Return what the model counts of a batch, which its losses hold."""
    assert model.supervision is not None
    with torch.no_grad():
        losses = model.loss(inputs, samples)
    assert all(value.isfinite() for value in losses.values())
    return sum(float(losses[name]) for name in model.supervision.monitors)


@pytest.mark.parametrize("method", [test_superpixel_distillation, test_pixel_distillation])
def test_image_to_lidar_methods_count_pairs(method: Any) -> None:
    inputs = make_inputs()
    samples = test_pixel_distillation.samples(1, 2)
    assert count(method.make_pretrainer(), inputs, samples) > 0
    inputs["pairing_points"] = inputs["pairing_points"][:0]
    inputs["pairing_images"] = inputs["pairing_images"][:0]
    assert count(method.make_pretrainer(), inputs, samples) == 0


@pytest.mark.parametrize(
    "method",
    [
        test_point_region_contrast,
        test_region_distillation,
        test_bev_distillation,
        test_camera_lidar_contrast,
    ],
)
def test_methods_on_maps_count_regions_or_points(method: Any) -> None:
    model = method.make_pretrainer()
    learns_everywhere = model.supervision.name == "points"
    assert learns_everywhere == (method in (test_camera_lidar_contrast, test_bev_distillation))
    make: Any = make_batch if method is test_point_region_contrast else make_camera_batch
    assert count(model, make(), []) > 0
    nothing = make()
    nothing["region_ids"] = [torch.full_like(ids, -1) for ids in nothing["region_ids"]]
    assert (count(model, nothing, []) > 0) == learns_everywhere


def test_point_contrast_counts_points_outside_regions() -> None:
    settings = test_point_region_contrast.POINT_CONTRAST
    model = test_point_region_contrast.make_pretrainer(**settings)
    assert count(model, make_batch(regions=False), []) > 0


def test_detection_counts_boxes() -> None:
    model, inputs = test_bev_detector.build(), test_bev_detector.make_inputs()
    samples = test_bev_detector.make_data_samples()
    assert count(model, inputs, samples) > 0
    for sample in samples:
        sample.gt_instances_3d = sample.gt_instances_3d[:0]
    assert count(model, inputs, samples) == 0


def test_map_segmentation_counts_cells() -> None:
    inputs, samples = test_bev_map_segmentor.make_batch()
    model = test_bev_map_segmentor.make_segmentor()
    assert count(model, inputs, samples) > 0
    for sample in samples:
        sample.gt_bev_seg.masks = torch.zeros_like(sample.gt_bev_seg.masks)
    assert count(model, inputs, samples) == 0


def test_lidar_segmentation_counts_labeled_points() -> None:
    inputs, model = make_inputs(), test_point_segmentor.make_segmentor()
    samples = test_point_segmentor.make_samples(inputs)
    assert count(model, inputs, samples) > 0
    for sample in samples:
        sample.gt_pts_seg.pts_semantic_mask.fill_(model.ignore_index)
    assert count(model, inputs, samples) == 0
