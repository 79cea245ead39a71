"""Batches keep every index on the point, pixel and segment that it named."""

from typing import Any

import pytest
import torch
from mmengine.dataset import pseudo_collate

from perception_kd.models.data_preprocessor import (
    CameraLidarDataPreprocessor,
    make_superpixels_unique,
)


def pack(num_points: int, num_views: int, seed: int) -> dict[str, dict[str, torch.Tensor]]:
    """Make a packed sample whose intensity and color name the point and the view."""
    generator = torch.Generator().manual_seed(seed)
    points = torch.randn(num_points, 5, generator=generator)
    points[:, 3] = seed * 1000 + torch.arange(num_points)
    view_color = seed * 10 + torch.arange(num_views)
    imgs = view_color[:, None, None, None].expand(-1, 3, 4, 6).to(torch.uint8)
    pairs = min(num_points, 5)
    return {
        "inputs": {
            "points": points,
            "imgs": imgs.clone(),
            "superpixels": torch.randint(-1, 3, (num_views, 4, 6), generator=generator).int(),
            "pairing_points": torch.arange(pairs),
            "pairing_images": torch.stack(
                [torch.arange(pairs) % num_views, torch.arange(pairs) % 4, torch.arange(pairs)], 1
            ),
        }
    }


def test_pairs_still_name_their_point_and_their_view() -> None:
    samples = [pack(7, 2, seed=1), pack(4, 3, seed=2), pack(9, 1, seed=3)]
    preprocess = CameraLidarDataPreprocessor(mean=(0, 0, 0), std=(1, 1, 1))
    inputs = preprocess(pseudo_collate(samples))["inputs"]

    points = torch.cat(inputs["points"])
    found = zip(inputs["pairing_points"], inputs["pairing_images"], strict=True)
    for sample in samples:
        packed = sample["inputs"]
        for row, (view, _, col) in zip(
            packed["pairing_points"], packed["pairing_images"], strict=True
        ):
            batch_row, (batch_view, _, batch_col) = next(found)
            assert points[batch_row, 3] == packed["points"][row, 3]
            assert inputs["imgs"][batch_view].unique() == packed["imgs"][view].unique()
            assert batch_col == col


def test_matrices_stay_with_their_views_and_samples() -> None:
    samples = [pack(3, num_views, seed) for seed, num_views in ((1, 2), (2, 3), (3, 1))]
    for number, sample in enumerate(samples):
        num_views = len(sample["inputs"]["imgs"])
        for key, size in (("lidar2cam", 4), ("cam2img", 3), ("img_aug_matrix", 3)):
            sample["inputs"][key] = torch.full((num_views, size, size), float(number))
        sample["inputs"]["lidar_aug_matrix"] = torch.full((4, 4), float(number))
    inputs = CameraLidarDataPreprocessor()(pseudo_collate(samples))["inputs"]
    assert inputs["view_sample"].tolist() == [0, 0, 1, 1, 1, 2]
    for key in ("lidar2cam", "cam2img", "img_aug_matrix"):
        assert inputs[key][:, 0, 0].tolist() == [0, 0, 1, 1, 1, 2]
    assert inputs["lidar_aug_matrix"][:, 0, 0].tolist() == [0, 1, 2]


def test_a_batch_of_images_alone_has_no_points() -> None:
    sample = {"inputs": {"imgs": torch.zeros(2, 3, 4, 6, dtype=torch.uint8)}}
    assert set(CameraLidarDataPreprocessor()(pseudo_collate([sample]))["inputs"]) == {"imgs"}


def test_superpixels_of_two_images_never_share_an_id() -> None:
    # By hand: image 0 uses ids 0..2, image 1 none, image 2 ids 0..200 (beyond any
    # stride).
    superpixels = torch.tensor([[[0, 2]], [[-1, -1]], [[200, 0]]], dtype=torch.int32)
    unique, count = make_superpixels_unique(superpixels)
    assert unique.tolist() == [[[0, 2]], [[-1, -1]], [[203, 3]]]
    assert count == 204


def test_no_view_has_no_superpixel() -> None:
    unique, count = make_superpixels_unique(torch.zeros(0, 4, 6, dtype=torch.int32))
    assert unique.shape == (0, 4, 6)
    assert count == 0


def test_regions_stay_with_the_points_of_their_sample() -> None:
    samples: list[dict[str, Any]] = [pack(3, 1, seed=1), pack(2, 1, seed=2)]
    for sample, ids in zip(samples, ([0, -1, 1], [1, 0]), strict=True):
        sample["inputs"]["region_ids"] = torch.tensor(ids, dtype=torch.int32)
        sample["inputs"]["sampled_points"] = torch.tensor(ids[-1:])
    inputs = CameraLidarDataPreprocessor()(pseudo_collate(samples))["inputs"]
    assert [ids.dtype for ids in inputs["region_ids"]] == [torch.int64] * 2
    assert [ids.tolist() for ids in inputs["region_ids"]] == [[0, -1, 1], [1, 0]]
    assert [rows.tolist() for rows in inputs["sampled_points"]] == [[1], [0]]


def test_images_are_normalized_channel_by_channel() -> None:
    sample = pack(3, 1, seed=5)  # every value is 50
    preprocess = CameraLidarDataPreprocessor(mean=(50, 40, 30), std=(1, 2, 4))
    imgs = preprocess(pseudo_collate([sample]))["inputs"]["imgs"]
    assert imgs[0, :, 0, 0].tolist() == [0.0, 5.0, 5.0]


def test_keys_that_were_not_loaded_stay_absent() -> None:
    sample = {"inputs": {"points": torch.zeros(2, 5)}}
    inputs = CameraLidarDataPreprocessor()(pseudo_collate([sample]))["inputs"]
    assert set(inputs) == {"points"}


def test_rejects_a_std_of_zero() -> None:
    with pytest.raises(ValueError, match="std positive, but got"):
        CameraLidarDataPreprocessor(std=(1, 0, 1))
