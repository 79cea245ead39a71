"""VoxelNet, that is mmdet3d's ``SparseEncoder``, in the configuration of SLidR's.

OpenPCDet's VoxelBackBone8x layer by layer, which are the encoder's defaults.
"""

import pytest
import torch
from mmdet3d.models.middle_encoders import SparseEncoder
from torch import Tensor, nn

from perception_kd.models.heads import BEVProjection
from perception_kd.models.voxelizers import PointVoxelizer

RANGE = (-3.2, -1.6, -5.0, 3.2, 1.6, 3.0)


def make_encoder(num_cells_z: int) -> SparseEncoder:
    """Return an encoder that passes on whatever reaches it: no weight is negative."""
    encoder = SparseEncoder(
        in_channels=4,
        sparse_shape=[num_cells_z, 32, 64],
        base_channels=16,
        output_channels=128,
        encoder_channels=((16,), (32, 32, 32), (64, 64, 64), (64, 64, 64)),
        encoder_paddings=((1,), (1, 1, 1), (1, 1, 1), ((0, 1, 1), 1, 1)),
        norm_cfg=dict(type="BN1d", eps=1e-3, momentum=0.01),
        block_type="conv_module",
    )
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.abs_()
    return encoder.eval()


def make_voxelizer() -> PointVoxelizer:
    return PointVoxelizer(
        voxel_size=(0.1, 0.1, 0.2),
        coordinates="cartesian",
        point_cloud_range=RANGE,
        reduce="mean",
        feature_columns=(0, 1, 2, 3),
        max_points=10,
    )


def encode_one_point_a_sample(heights: Tensor, num_cells_z: int) -> Tensor:
    points = [torch.tensor([[1.25, 0.85, z, 9.0, 0.0]]) for z in heights.tolist()]
    voxels = make_voxelizer()(points)
    assert (voxels.point2voxel >= 0).all()
    features = torch.ones_like(voxels.features)
    return make_encoder(num_cells_z)(features, voxels.coors, voxels.batch_size)


HEIGHTS = torch.arange(-4.9, 3, 0.2)


def test_points_at_any_height_reach_the_map() -> None:
    bev = encode_one_point_a_sample(HEIGHTS, num_cells_z=41)
    assert bev.shape == (40, 256, 4, 8)
    # y = 0.85 lies in row 3 of 0.8 m from -1.6, x = 1.25 in column 5 from -3.2.
    assert (bev[:, :, 3, 5].amax(dim=1) > 0).all()


def test_forty_cells_as_in_slidrs_code_lose_the_top() -> None:
    bev = encode_one_point_a_sample(HEIGHTS, num_cells_z=40)
    reached = bev.flatten(1).any(dim=1)
    assert torch.equal(reached, HEIGHTS < 0.6)


def test_the_encoder_is_voxelbackbone8x() -> None:
    encoder = make_encoder(41)
    convs = [module for module in encoder.modules() if hasattr(module, "indice_key")]
    table = [(c.in_channels, c.out_channels, tuple(c.stride), c.subm) for c in convs]
    halve = (2, 2, 2)
    assert table == [
        (4, 16, (1, 1, 1), True),
        (16, 16, (1, 1, 1), True),
        (16, 32, halve, False),
        *[(32, 32, (1, 1, 1), True)] * 2,
        (32, 64, halve, False),
        *[(64, 64, (1, 1, 1), True)] * 2,
        (64, 64, halve, False),
        *[(64, 64, (1, 1, 1), True)] * 2,
        (64, 128, (2, 1, 1), False),
    ]
    assert [tuple(c.padding) for c in convs if not c.subm] == [
        (1, 1, 1),
        (1, 1, 1),
        (0, 1, 1),
        (0, 0, 0),
    ]
    norms = [module for module in encoder.modules() if isinstance(module, nn.BatchNorm1d)]
    assert {(norm.eps, norm.momentum) for norm in norms} == {(1e-3, 0.01)}
    assert all(conv.bias is None for conv in convs)


@pytest.mark.parametrize("empty_last", [True, False])
def test_maps_are_as_many_as_clouds(empty_last: bool) -> None:
    cloud = torch.tensor([[1.25, 0.85, 0.0, 9.0, 0.0], [-2.0, -1.0, 1.0, 5.0, 0.0]])
    points = [cloud, cloud[:0]] if empty_last else [cloud[:0], cloud]
    voxels = make_voxelizer()(points)
    bev = make_encoder(41)(voxels.features.abs(), voxels.coors, voxels.batch_size)
    assert bev.flatten(1).any(dim=1).tolist() == [empty_last, not empty_last]

    head = BEVProjection(256, RANGE, cell_size=0.8)
    feats = head(bev, points, voxels)
    assert feats.shape == (2, 64)
    assert (feats.norm(dim=1) > 0).all()
