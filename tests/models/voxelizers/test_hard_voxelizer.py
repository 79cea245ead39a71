"""Voxels that keep their points, against mmdet3d's own voxelization."""

from typing import Any

import pytest
import torch
from mmdet3d.models.data_preprocessors.voxelize import VoxelizationByGridShape
from torch import Tensor

from perception_kd.models.voxelizers import HardVoxelizer
from perception_kd.registry import MODELS

RANGE = (-4.0, -3.0, -2.0, 4.0, 3.0, 2.0)
SIZE = (0.5, 0.25, 1.0)


def make_cloud(num_points: int, seed: int = 0) -> Tensor:
    """Make a cloud of five columns, some of it out of range."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(num_points, 5, generator=generator) * torch.tensor([3.0, 3, 2, 9, 1])


def make_voxelizer(**settings: Any) -> HardVoxelizer:
    given: dict[str, Any] = dict(max_num_points=3, max_voxels=(1000, 1000)) | settings
    return HardVoxelizer(SIZE, RANGE, **given)


@pytest.mark.parametrize("max_voxels", [1000, 40])
@pytest.mark.parametrize("max_num_points", [1, 3, 50])
def test_equals_mmdet3ds_up_to_the_order_of_voxels(max_num_points: int, max_voxels: int) -> None:
    clouds = [make_cloud(900, 1), make_cloud(0), make_cloud(200, 2)]
    reference = VoxelizationByGridShape(
        list(RANGE), max_num_points, voxel_size=list(SIZE), max_voxels=max_voxels
    )
    voxels = make_voxelizer(max_num_points=max_num_points, max_voxels=(max_voxels, 1))(clouds)
    assert voxels.num_points is not None
    for sample, cloud in enumerate(clouds):
        of_sample = voxels.coors[:, 0] == sample
        features, coors, num_points = reference(cloud)
        order = sorted(range(len(coors)), key=lambda row: coors[row].tolist())
        assert torch.equal(voxels.coors[of_sample, 1:], coors[order])
        assert torch.equal(voxels.features[of_sample], features[order])
        assert voxels.num_points[of_sample].tolist() == num_points[order].tolist()


def test_points_of_full_voxels_know_their_voxel() -> None:
    cloud = make_cloud(900)
    voxels = make_voxelizer(max_voxels=(60, 1))([cloud])
    cells = ((cloud[:, :3] - torch.tensor(RANGE[:3])) / torch.tensor(SIZE)).floor().int()
    row_of = {tuple(coors[1:]): row for row, coors in enumerate(voxels.coors.tolist())}
    expected = [row_of.get((z, y, x), -1) for x, y, z in cells.tolist()]
    assert voxels.point2voxel.tolist() == expected
    assert len(row_of) == 60
    assert voxels.spatial_shape == (4, 24, 16)


def test_fewer_voxels_are_kept_in_testing_or_in_training() -> None:
    voxelizer = make_voxelizer(max_voxels=(10, 20))
    assert len(voxelizer([make_cloud(900)]).coors) == 10
    assert len(voxelizer.eval()([make_cloud(900)]).coors) == 20


def test_points_on_the_ends_of_the_range_and_nan() -> None:
    cloud = torch.zeros(4, 5)
    cloud[0, :3] = torch.tensor(RANGE[:3])  # the lower ends are in, the upper ones are not
    cloud[1, 0], cloud[2, 1] = RANGE[3], float("nan")
    voxels = make_voxelizer()([cloud])
    assert voxels.point2voxel.tolist() == [0, -1, -1, 1]
    assert voxels.coors.tolist() == [[0, 0, 0, 0], [0, 2, 12, 8]]


def test_clouds_without_points_give_no_voxels() -> None:
    voxels = make_voxelizer()([torch.zeros(0, 5), torch.full((7, 5), 100.0)])
    assert voxels.features.shape == (0, 3, 5)
    assert voxels.point2voxel.tolist() == [-1] * 7
    assert voxels.batch_size == 2


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (dict(max_num_points=0), "max_num_points must be positive"),
        (dict(max_voxels=(10,)), "max_voxels two positive numbers, but got 3 and"),
        (dict(max_voxels=(10, 0)), "max_voxels two positive numbers, but got 3 and"),
    ],
)
def test_rejects_settings_that_keep_nothing(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_voxelizer(**settings)


def test_rejects_an_empty_batch() -> None:
    with pytest.raises(ValueError, match="points must hold at least one cloud"):
        make_voxelizer()([])


def test_builds_from_a_config_without_weights() -> None:
    settings = dict(type="HardVoxelizer", voxel_size=SIZE, point_cloud_range=RANGE)
    built = MODELS.build(dict(**settings, max_num_points=20, max_voxels=(30000, 40000)))
    assert not built.state_dict()
