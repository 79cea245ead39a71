"""Packing: types, shapes, and samples without some of the keys."""

from multiprocessing.reduction import ForkingPickler
from typing import cast

import numpy as np
import pytest
import torch
from torch import Tensor

from perception_kd.datasets.transforms import DrawSeed, PackInputs
from perception_kd.datasets.transforms.boxes import make_boxes
from perception_kd.structures import Sample
from tests.datasets.transforms.marked_sample import freeze, make_sample


def test_everything_loaded_is_packed_with_its_documented_type() -> None:
    sample = make_sample(num_points=50, num_views=2, pairs_per_view=20)
    packed = PackInputs()(freeze(sample))
    shapes = {
        "points": ((50, 5), torch.float32),
        "imgs": ((2, 3, 90, 160), torch.uint8),
        "superpixels": ((2, 90, 160), torch.int32),
        "pairing_points": ((40,), torch.int64),
        "pairing_images": ((40, 3), torch.int64),
        "region_ids": ((50,), torch.int32),
    }
    inputs = packed["inputs"]
    tensors = cast("dict[str, Tensor]", inputs)
    assert {key: (tuple(t.shape), t.dtype) for key, t in tensors.items()} == shapes
    assert np.array_equal(inputs["imgs"][1, :, 7, 9], sample["imgs"][1][7, 9])
    assert inputs["region_ids"].tolist() == [i % 5 - 1 for i in range(50)]
    data_sample = packed["data_samples"]
    assert data_sample.sample_token == "marked"
    assert data_sample.cam_names == ["CAM_0", "CAM_1"]
    assert data_sample.original_points.tolist() == list(range(50))
    labels = data_sample.gt_pts_seg.pts_semantic_mask
    assert labels.dtype == torch.int64
    assert labels.tolist() == [i % 7 for i in range(50)]


def test_a_message_of_a_worker_fits_into_a_pipe() -> None:
    packed = PackInputs()(make_sample(num_points=50_000))
    message = ForkingPickler.dumps([packed] * 8)
    assert len(message) < 2**16


def test_what_was_not_loaded_is_absent() -> None:
    packed = PackInputs()({"sample_token": "a", "points": np.zeros((3, 5), np.float32)})
    assert set(packed["inputs"]) == {"points"}
    assert "gt_pts_seg" not in packed["data_samples"]


def test_a_sample_without_one_pair_is_packed() -> None:
    sample = make_sample(pairs_per_view=0)
    inputs = PackInputs()(sample)["inputs"]
    assert inputs["pairing_points"].shape == (0,)
    assert inputs["pairing_images"].shape == (0, 3)


def test_images_of_several_sizes_are_refused_with_the_remedy() -> None:
    sample = make_sample()
    sample["imgs"][1] = sample["imgs"][1][:-1]
    with pytest.raises(
        ValueError, match=r"imgs of a sample must have the same size .*ResizeImages"
    ):
        PackInputs()(sample)


def test_images_of_no_camera_are_refused_with_the_remedy() -> None:
    with pytest.raises(ValueError, match="imgs is empty; select cameras"):
        PackInputs()({"sample_token": "a", "imgs": []})


def test_the_seed_comes_from_the_generator_of_the_sample() -> None:
    seeds = []
    for seed in (1, 1, 2):
        sample = DrawSeed()({**make_sample(), "rng": np.random.default_rng(seed)})
        assert sample is not None
        seeds.append(PackInputs()(sample)["data_samples"].seed)
    assert seeds[0] == seeds[1] != seeds[2]
    assert "seed" not in PackInputs()(make_sample())["data_samples"]


def test_sampled_points_are_packed_as_rows() -> None:
    sample: Sample = {**make_sample(), "sampled_points": np.array([3, 1, 3])}
    rows = PackInputs()(sample)["inputs"]["sampled_points"]
    assert rows.dtype == torch.int64
    assert rows.tolist() == [3, 1, 3]


def test_boxes_are_packed_with_their_labels() -> None:
    boxes = make_boxes(np.arange(18.0).reshape(2, 9))
    sample: Sample = {
        **make_sample(),
        "gt_bboxes_3d": boxes,
        "gt_labels_3d": np.array([4, 9]),
    }
    packed = PackInputs()({**sample, "box_classes": ("car",)})["data_samples"]
    assert packed.gt_instances_3d.bboxes_3d.tensor.equal(boxes.tensor)
    assert packed.gt_instances_3d.labels_3d.tolist() == [4, 9]
    assert packed.box_classes == ("car",)
