"""A cloud and its images, moved on their own, meet again in the BEV map."""

from typing import Any

import pytest
import torch
from mmengine.dataset import pseudo_collate
from torch import Tensor

from perception_kd.datasets.transforms import (
    PackPretrainInputs,
    RandomFlipAxis,
    RandomFlipImages,
    RandomRotateImages,
    RandomRotateZ,
    RandomScale,
    RandomScaleAndCropImages,
    ScaleAndCropImages,
    Transform,
)
from perception_kd.models.data_preprocessor import CameraLidarDataPreprocessor
from perception_kd.models.view_transforms import Cameras, LSSViewTransform
from perception_kd.models.view_transforms.depth_lift_splat import depth_images
from tests.datasets.transforms.marked_sample import make_camera_sample

TRAINING: list[Transform] = [
    RandomScaleAndCropImages((40, 80), scale=(0.4, 0.6)),
    RandomFlipImages(),
    RandomRotateImages((-10, 10)),
    RandomRotateZ((-180, 180)),
    RandomFlipAxis(),
    RandomScale((0.9, 1.1)),
]
TEST: list[Transform] = [ScaleAndCropImages((40, 80), scale=0.5)]
STEP = 0.5


def load_batch(chain: list[Transform], seed: int) -> dict[str, Any]:
    packed = []
    for number in range(2):
        sample = make_camera_sample(seed + number)
        for transform in chain:
            following = transform(sample)
            assert following is not None
            sample = following
        packed.append(PackPretrainInputs()(sample))
    inputs: dict[str, Any] = CameraLidarDataPreprocessor()(pseudo_collate(packed))["inputs"]
    return inputs


def farthest_from(ones: Tensor, others: Tensor) -> float:
    """Return the largest distance in m of one of the first to the nearest other."""
    return float(torch.cdist(ones, others).amin(dim=1).max())


@pytest.mark.parametrize("chain", [TEST, TRAINING])
@pytest.mark.parametrize("seed", [0, 10])
def test_features_at_the_depth_of_the_cloud_land_on_the_cloud(
    chain: list[Transform], seed: int
) -> None:
    inputs = load_batch(chain, seed)
    cameras = Cameras.from_inputs(inputs)
    depths = depth_images(inputs["points"], cameras)[:, 0]  # (V, H, W)

    # A feature cell a pixel: all weight on the depth that the cloud has there.
    transform = LSSViewTransform(
        in_channels=1,
        out_channels=1,
        point_cloud_range=(-32, -32, -32, 32, 32, 32),
        cell_size=0.25,
        depth_range=(STEP, 30.0, STEP),
        downsample=1,
    )
    seen = (depths > 1) & (depths < 29)
    assert seen.sum() > 50
    bins = (depths / STEP - 1).round().long().clamp(0, transform.num_depths - 1)
    probs = torch.zeros(len(depths), transform.num_depths, *depths.shape[1:])
    probs.scatter_(1, bins[:, None], seen[:, None].float())
    bev = transform.splat(probs, seen[:, None].float(), cameras)
    assert bev.sum() == pytest.approx(float(seen.sum()))

    for sample, cloud in enumerate(inputs["points"]):
        row, column = bev[sample, 0].nonzero().unbind(dim=1)
        centers = torch.stack([column, row], dim=1) * 0.25 + 0.125 - 32
        # Half a cell's diagonal; half a step of depth and half a pixel (f = 32 px) at
        # 30 m, in a cloud up to 1.1 times as large.
        assert farthest_from(centers, cloud[:, :2]) < 0.18 + 1.1 * (0.25 + 0.47)
