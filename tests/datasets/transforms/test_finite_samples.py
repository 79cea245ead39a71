"""Every transform is defined for any finite points, also for one and for none."""

from typing import Any, cast

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from mmdet3d.structures import LiDARInstance3DBoxes

from perception_kd.datasets.transforms import (
    CropToDisc,
    CropToRange,
    DropCuboids,
    MakeCloudViews,
    PackInputs,
    PairPointsWithPixels,
    RandomFlipAxis,
    RandomFlipImages,
    RandomResizedCrop,
    RandomRotateImages,
    RandomRotateZ,
    RandomScale,
    RandomScaleAndCropImages,
    RandomTranslate,
    ResizeImages,
    SampleRegionPoints,
    ScaleAndCropImages,
    ShufflePoints,
)
from perception_kd.datasets.transforms.base import POINT_KEYS
from perception_kd.datasets.transforms.boxes import CropBoxesToRange
from perception_kd.structures import Sample
from perception_kd.utils.finite import find_nonfinite
from tests.datasets.transforms.marked_sample import freeze, make_camera_sample

RANGE = (-20.0, -20.0, -20.0, 20.0, 20.0, 20.0)
TRANSFORMS: list[Any] = [
    CropBoxesToRange(RANGE),
    CropToDisc(18.0, (-15.0, 15.0)),
    CropToRange(RANGE),
    DropCuboids(max_fraction=0.8, min_pairs=0),
    MakeCloudViews([RandomRotateZ(), RandomFlipAxis(), RandomScale()]),
    PackInputs(),
    PairPointsWithPixels(shuffle_views=True),
    RandomFlipAxis(),
    RandomFlipImages(),
    RandomResizedCrop((45, 83), min_pairs=0),
    RandomRotateImages(),
    RandomRotateZ(),
    RandomScale(),
    RandomScaleAndCropImages((32, 64)),
    RandomTranslate(),
    ResizeImages((50, 100)),
    SampleRegionPoints(RANGE, 8, 8),
    SampleRegionPoints(RANGE, 8, 8, region_balanced=True),
    ScaleAndCropImages((32, 64)),
    ShufflePoints(),
]
coordinates = st.floats(-1e4, 1e4, width=32)
clouds = st.integers(0, 4).flatmap(lambda n: arrays(np.float32, (n, 5), elements=coordinates))


def make_sample(points: Any, seed: int) -> Sample:
    """Return a sample of these points, all of them paired with the first view."""
    sample, rows = make_camera_sample(seed), np.arange(len(points))
    boxes = torch.rand(len(points), 9, generator=torch.Generator().manual_seed(seed))
    more = {
        "points": points,
        "original_points": rows,
        "pts_semantic_mask": rows % 7,
        "region_ids": (rows % 3 - 1).astype(np.int32),
        "pairing_points": rows,
        "pairing_images": np.stack([rows * 0, rows + 1, rows + 2], axis=1),
        "gt_bboxes_3d": LiDARInstance3DBoxes(boxes, box_dim=9),
        "gt_labels_3d": rows,
    }
    return cast(Sample, {**sample, **more})


@pytest.mark.parametrize("transform", TRANSFORMS, ids=lambda each: type(each).__name__)
@settings(max_examples=15, deadline=None)
@given(points=clouds, seed=st.integers(0, 1000))
def test_any_finite_points_give_a_finite_sample(transform: Any, points: Any, seed: int) -> None:
    after = transform(freeze(make_sample(points.copy(), seed)))
    if after is None:  # nothing is left, which the data set counts
        return
    assert find_nonfinite({k: v for k, v in after.items() if k != "rng"}) == []
    if isinstance(transform, PackInputs):
        assert len(after["inputs"]["points"]) == len(points)
        return
    num_points = len(after["points"])
    assert {len(after[key]) for key in POINT_KEYS} == {num_points}
    assert (after["pairing_points"] < num_points).all()
    assert len(after["pairing_points"]) == len(after["pairing_images"])
