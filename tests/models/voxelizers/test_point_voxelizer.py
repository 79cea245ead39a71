"""The voxelizer, against loops over points and mmcv's hard voxelization."""

import math
from typing import Any

import pytest
import torch
from mmcv.ops import Voxelization
from torch import Tensor

from perception_kd.models.voxelizers import PointVoxelizer

RANGE = (-4.0, -3.0, -2.0, 4.0, 3.0, 2.0)
VOXELNET: dict[str, Any] = dict(
    voxel_size=(0.5, 0.25, 1.0),
    coordinates="cartesian",
    point_cloud_range=RANGE,
    reduce="mean",
    feature_columns=(0, 1, 2, 3),
)


def make_cloud(num_points: int = 2000, seed: int = 0, spread: float = 3.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    cloud = torch.randn(num_points, 5, generator=generator) * spread
    cloud[:, 3] = torch.rand(num_points, generator=generator) * 255
    return cloud


def test_slidr_voxels_match_a_loop_over_points() -> None:
    clouds = [make_cloud(seed=0), make_cloud(seed=1)]
    voxels = PointVoxelizer()(clouds)
    first: dict[tuple[int, ...], float] = {}
    cells = []
    for sample, cloud in enumerate(clouds):
        for x, y, z, intensity, _ in cloud.tolist():
            rho, phi = math.hypot(x, y), math.degrees(math.atan2(y, x))
            cell = (sample, math.floor(z / 0.1), math.floor(phi), math.floor(rho / 0.1))
            first.setdefault(cell, intensity)
            cells.append(cell)

    order = sorted(first)
    origin = torch.tensor([min(cell[axis] for cell in order) // 16 * 16 for axis in (1, 2, 3)])
    torch.testing.assert_close(voxels.coors[:, 1:].long() + origin, torch.tensor(order)[:, 1:])
    assert voxels.coors[:, 0].tolist() == [cell[0] for cell in order]
    assert voxels.features[:, 0].tolist() == pytest.approx([first[cell] for cell in order])
    assert [order[row] for row in voxels.point2voxel.tolist()] == cells


@pytest.mark.parametrize("max_points", [1, 3, 10])
def test_voxelnet_voxels_match_mmcv(max_points: int) -> None:
    cloud = make_cloud(spread=1.0)[:, :4]
    hard = Voxelization((0.5, 0.25, 1.0), list(RANGE), max_points, max_voxels=10_000)
    grouped, zyx, num_points = hard(cloud)
    means = grouped.sum(1) / num_points[:, None]

    voxels = PointVoxelizer(**VOXELNET, max_points=max_points)([cloud])
    order = sorted(range(len(zyx)), key=lambda row: zyx[row].tolist())
    assert voxels.coors[:, 1:].tolist() == zyx[order].tolist()
    torch.testing.assert_close(voxels.features, means[order])


def test_a_batch_is_its_clouds_one_by_one() -> None:
    # The second cloud moves the start of the grid of the whole batch.
    near, far = make_cloud(300, seed=0, spread=0.5), make_cloud(300, seed=1, spread=5.0)
    together, alone = PointVoxelizer()([near, far]), PointVoxelizer()([near])
    first = together.coors[:, 0] == 0
    shift = together.coors[first][0, 1:] - alone.coors[0, 1:]
    assert torch.equal(together.coors[first][:, 1:] - shift, alone.coors[:, 1:])
    assert (shift % 16 == 0).all()
    assert torch.equal(together.features[first], alone.features)
    assert torch.equal(together.point2voxel[:300], alone.point2voxel)


def test_empty_clouds_keep_their_place() -> None:
    empty, cloud = torch.zeros(0, 5), make_cloud(50)
    voxels = PointVoxelizer()([empty, cloud, empty])
    assert voxels.batch_size == 3
    assert set(voxels.coors[:, 0].tolist()) == {1}
    assert voxels.point2voxel.shape == (50,)


@pytest.mark.parametrize("settings", [{}, VOXELNET])
def test_a_batch_without_points_has_no_voxels(settings: dict[str, Any]) -> None:
    voxelizer = PointVoxelizer(**settings)
    voxels = voxelizer([torch.zeros(0, 5)] * 2)
    assert voxels.features.shape == (0, voxelizer.out_channels)
    assert voxels.coors.shape == (0, 4)
    assert voxels.point2voxel.shape == (0,)
    assert voxels.batch_size == 2
    assert min(voxels.spatial_shape) > 0


def test_points_out_of_range_have_no_voxel() -> None:
    xs = [-4.00001, -4.0, 3.99999, 4.0, math.nan]
    cloud = torch.tensor([[x, 0.0, 0.0, 1.0, 0.0] for x in xs])
    voxels = PointVoxelizer(**VOXELNET)([cloud])
    assert voxels.point2voxel.tolist() == [-1, 0, 1, -1, -1]
    assert voxels.coors.tolist() == [[0, 2, 12, 0], [0, 2, 12, 15]]
    assert voxels.spatial_shape == (4, 24, 16)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_points_that_are_not_finite_have_no_voxel(bad: float) -> None:
    cloud = torch.tensor([[bad, 0, 0, 1, 0], [1, 1, 1, 2, 0], [1, 1, bad, 3, 0]])
    voxels = PointVoxelizer()([cloud])
    assert voxels.point2voxel.tolist() == [-1, 0, -1]
    assert voxels.features.tolist() == [[2]]


def test_coordinates_lie_within_the_spatial_shape() -> None:
    voxels = PointVoxelizer()([make_cloud()])
    assert voxels.coors.dtype == torch.int32
    assert voxels.coors.min() >= 0
    assert (voxels.coors[:, 1:].amax(0) + 1).tolist() == list(voxels.spatial_shape)


def test_features_can_be_derived_and_scaled() -> None:
    voxelizer = PointVoxelizer(
        voxel_size=(0.5, 0.25, 1.0),
        coordinates="cartesian",
        feature_columns=(3, "rho", "offset"),
        feature_scale=(0.01, 1, 1, 2, 1),
        feature_offset=(1, 0, 0, 0, 0),
    )
    assert voxelizer.out_channels == 5
    features = voxelizer([torch.tensor([[3.0, 4.0, -0.25, 50, 0]])]).features
    assert features[0].tolist() == pytest.approx([1.5, 5, -0.5, -1.0, 0.25])


def test_semantickitti_intensities_are_shifted_by_one() -> None:
    cloud = make_cloud()
    shifted = PointVoxelizer(feature_offset=1.0)([cloud]).features
    assert torch.equal(shifted, PointVoxelizer()([cloud]).features + 1)


def test_a_checkpoint_holds_nothing_of_the_voxelizer() -> None:
    assert not PointVoxelizer().state_dict()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (dict(coordinates="polar"), 'coordinates must be "cartesian" or "cylindrical"'),
        (dict(reduce="max"), 'reduce must be "first" or "mean"'),
        (dict(feature_columns=("height",)), 'feature_columns must be "rho" or "offset"'),
        (dict(voxel_size=(0.1, 0.0, 0.1)), "voxel_size must be three positive sizes"),
        (dict(max_points=10), "max_points must be at least 1 and go with reduce"),
        (dict(point_cloud_range=(0, 0, 0, 1, 1, 0)), "point_cloud_range must be three lower"),
        (dict(feature_scale=(1.0, 2.0)), "feature_scale must be one number or 1, one a feature"),
    ],
)
def test_rejects_settings(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PointVoxelizer(**settings)


def test_rejects_an_empty_list_and_endless_grids() -> None:
    with pytest.raises(ValueError, match="points must hold at least one cloud"):
        PointVoxelizer()([])
    far = torch.tensor([[0.0, 0, 0, 0], [1e12, 1e12, 1e12, 0]])
    with pytest.raises(ValueError, match="points must span fewer than 2\\^63 voxels"):
        PointVoxelizer()([far])
