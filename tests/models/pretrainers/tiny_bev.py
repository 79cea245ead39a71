"""A small batch of two clouds with regions, for tests of pre-trainers on BEV maps."""

from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from perception_kd.datasets.transforms import SampleRegionPoints
from perception_kd.structures import Batch, Sample
from tests.models.small_networks import RANGE
from tests.models.view_transforms.rig import make_cameras

GRID: dict[str, Any] = dict(point_cloud_range=RANGE, cell_size=0.4)
NUM_POINTS: dict[str, Any] = dict(num_region_points=24, num_background_points=16)
PLRC: dict[str, Any] = dict(type="RegionContrastLoss", positives="region")
RAPC: dict[str, Any] = dict(
    type="RegionContrastLoss", positives="point", same_region_negatives=False, region_normalize=True
)
CAMERA: dict[str, Any] = dict(
    img_backbone=dict(
        type="mmdet.ResNet",
        depth=18,
        base_channels=8,
        num_stages=1,
        strides=(1,),
        dilations=(1,),
        out_indices=(0,),
        norm_eval=False,
    ),
    view_transform=dict(
        type="LSSViewTransform",
        in_channels=8,
        out_channels=6,
        point_cloud_range=(*RANGE[:2], -10.0, *RANGE[3:5], 10.0),
        cell_size=0.4,
        depth_range=(1.0, 9.0, 1.0),
        downsample=1,
    ),
)


def make_cloud(num_points: int, seed: int) -> Tensor:
    """Make a cloud of two sweeps, a quarter of it from the earlier one, some far."""
    generator = torch.Generator().manual_seed(seed)
    points = torch.randn(num_points, 5, generator=generator) * torch.tensor([3, 2, 1, 50, 0])
    points[::4, 4] = 0.05
    return points


def move(points: Tensor, seed: int) -> Tensor:
    """Rotate a cloud by up to 90 degrees and mirror it."""
    angle = torch.rand((), generator=torch.Generator().manual_seed(seed)) * 3.14 - 1.57
    moved = points.clone()
    moved[:, 0] = angle.cos() * points[:, 0] - angle.sin() * points[:, 1]
    moved[:, 1] = -angle.sin() * points[:, 0] - angle.cos() * points[:, 1]
    return moved


def make_batch(
    sizes: tuple[int, ...] = (200, 300), regions: bool = True, **num_points: int
) -> Batch:
    """Make ``inputs`` with two views and sampled points, 24 in regions and 16 outside.

    Regions are vertical pillars of 2 m; half the points are in none.
    """
    clouds = [make_cloud(size, number) for number, size in enumerate(sizes)]
    views = [[move(cloud, 10 * view + n) for n, cloud in enumerate(clouds)] for view in range(2)]
    inputs: Batch = {"points": views[0], "cloud_views": views}
    if regions:
        inputs["region_ids"] = [
            torch.where(
                torch.arange(len(cloud)) % 2 == 0, -1, (cloud[:, 0] / 2).floor().long() + 20
            ).masked_fill(cloud[:, 4] > 0, -1)
            for cloud in clouds
        ]
    return sample_points(inputs, **num_points)


def sample_points(inputs: Batch, seed: int = 0, **num_points: int) -> Batch:
    """Draw the points of a batch to compare, as the pipeline does for each sample."""
    transform = SampleRegionPoints(RANGE, **(NUM_POINTS | num_points))
    inputs["sampled_points"] = []
    for number, views in enumerate(zip(*inputs["cloud_views"], strict=True)):
        sample: Sample = {"points": views[0].numpy(), "cloud_views": [v.numpy() for v in views]}
        if "region_ids" in inputs:
            sample["region_ids"] = inputs["region_ids"][number].numpy()
        drawn = transform({**sample, "rng": np.random.default_rng([seed, number])})
        assert drawn is not None
        inputs["sampled_points"].append(torch.from_numpy(drawn["sampled_points"]))
    return inputs


def make_camera_batch(
    sizes: tuple[int, ...] = (200, 300), regions: bool = True, **num_points: int
) -> Batch:
    """Make the batch of ``make_batch`` with two views a sample, all augmented."""
    inputs = make_batch(sizes, regions, **num_points)
    cameras = make_cameras(len(sizes), seed=0)._asdict()
    height, width = cameras.pop("img_shape")
    generator = torch.Generator().manual_seed(0)
    imgs = torch.randn(2 * len(sizes), 3, height, width, generator=generator)
    batch: Any = {**inputs, **cameras, "imgs": imgs}
    return cast(Batch, batch)


def read_by_hand(bev: Tensor, point: Tensor, cell_size: float) -> Tensor:
    """Interpolate between the four cell centers around a point; borders repeat."""
    x, y = ((point[:2] - torch.tensor(RANGE[:2])) / cell_size - 0.5).tolist()
    rows, columns = bev.shape[1:]
    left, low = int(x // 1), int(y // 1)
    value = torch.zeros(len(bev))
    for row, weight_y in ((low, 1 - (y - low)), (low + 1, y - low)):
        for column, weight_x in ((left, 1 - (x - left)), (left + 1, x - left)):
            row_in, column_in = min(max(row, 0), rows - 1), min(max(column, 0), columns - 1)
            value += weight_x * weight_y * bev[:, row_in, column_in]
    return value
