"""Finite in, finite out; NaN in, NaN out; none, one and zero are defined."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import Tensor, nn

from perception_kd.geometry.bev_grid import BEVGrid, sample_bev
from perception_kd.geometry.voxelization import Voxels
from perception_kd.models.heads import (
    BEVProjection,
    FeatureProjector,
    PixelProjection,
    VoxelProjection,
)
from perception_kd.models.heads.bev_map_head import sigmoid_focal_loss
from perception_kd.models.heads.feature_projector import unit_length
from perception_kd.models.losses import PairWeights, RegionContrastLoss, cosine_distance, info_nce
from perception_kd.models.pretrainers.bev_distillation import weighted_squared_error
from perception_kd.models.voxelizers import HardVoxelizer, PointVoxelizer
from perception_kd.ops import bev_pool, index_cells, pool_pixels, pool_segments, pool_upsampled
from tests.models.pretrainers import test_point_region_contrast

CHANNELS = 3
RANGE = (-8.0, -8.0, -2.0, 8.0, 8.0, 2.0)
GRID = BEVGrid(RANGE, 4.0)
VOXELIZERS: dict[str, Callable[[], nn.Module]] = {
    "cylindrical": PointVoxelizer,
    "mean": lambda: PointVoxelizer((1, 1, 1), "cartesian", RANGE, "mean", (0, "rho", "offset")),
    "hard": lambda: HardVoxelizer((1, 1, 4), RANGE, max_num_points=2, max_voxels=(9, 9)),
}
# Of (points, 5) features to a loss or features; every feature counts.
FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "unit_length": unit_length,
    "info_nce": lambda x: info_nce(x, x.flip(1), 0.07, symmetric=True),
    "info_nce, normalized": lambda x: info_nce(x, x.flip(1), 0.07, normalize=True),
    "info_nce, weighted": lambda x: info_nce(
        x, x.flip(1), 0.07, weights=PairWeights(torch.full((len(x),) * 2, 0.5))
    ),
    "cosine distance": lambda x: cosine_distance(x, x.flip(1)),
    "norm of differences": lambda x: cosine_distance(x, x.flip(1), form="norm", center=True),
    "region contrast": lambda x: contrast(x),
    "region contrast, balanced": lambda x: contrast(
        x, positives="point", same_region_negatives=False, region_normalize=True
    ),
    "region contrast, all points": lambda x: contrast(
        x, positives="point", semantic_less_anchors=True, scope="batch"
    ),
    "squared error": lambda x: weighted_squared_error(
        x.T[None, :, None], x.T[None, :, None].detach() + 1, torch.ones(1, 1, len(x))
    ),
    "focal loss": lambda x: sigmoid_focal_loss(x, (x.detach() > 0).float()) if len(x) else x.sum(),
    "pool_segments": lambda x: pool_segments(x, torch.arange(len(x)) // 2, len(x))[0],
    "pool_pixels": lambda x: pool_pixels(x.T[None, :, None], pixel_ids(x), len(x))[0],
    "pool_upsampled": lambda x: pool_upsampled(
        x.T[None, :, None], pixel_ids(x), len(x), lambda maps, size: maps
    )[0],
    "bev_pool": lambda x: bev_pool(
        torch.ones(1, 1, 1, len(x)),
        x.T[None, :, None],
        index_cells(torch.arange(len(x))[None, None, None], len(x)),
    ),
    "feature projector": lambda x: seeded(FeatureProjector, CHANNELS)(x),
    "voxel projection": lambda x: seeded(VoxelProjection, CHANNELS)(x, [], voxels_of(x)),
    "BEV projection": lambda x: seeded(BEVProjection, CHANNELS, RANGE, 4.0)(
        torch.zeros(1, CHANNELS, 4, 4) + x.sum(dim=0)[None, :, None, None],
        [torch.zeros(2, 5)],
        voxels_of(torch.zeros(2, 5)),
    ),
    "pixel projection": lambda x: (
        seeded(PixelProjection, CHANNELS)(x.T[None, :, :, None]) if len(x) else x
    ),
    "sample_bev": lambda x: sample_bev(
        torch.zeros(1, CHANNELS, 4, 4) + x.sum(dim=0)[None, :, None, None],
        [torch.zeros(1, 2)],
        GRID,
    )[0],
}
numbers = st.floats(-1e3, 1e3, width=32)
features = st.integers(0, 4).flatmap(lambda n: arrays(np.float32, (n, CHANNELS), elements=numbers))
clouds = st.integers(0, 3).flatmap(lambda n: arrays(np.float32, (n, 5), elements=numbers))


def seeded(kind: Callable[..., nn.Module], *args: Any) -> nn.Module:
    torch.manual_seed(0)
    return kind(*args)


def contrast(feats: Tensor, **settings: Any) -> Tensor:
    """Contrast two scenes, of which the second has no region."""
    ids = [torch.arange(len(feats)) // 2 - 1, torch.full((len(feats),), -1)]
    return RegionContrastLoss(**settings)([feats, feats], [feats.flip(1), feats], ids)


def pixel_ids(feats: Tensor) -> Tensor:
    return torch.arange(len(feats))[None, None]


def voxels_of(feats: Tensor) -> Voxels:
    rows = torch.arange(len(feats))
    coors = torch.zeros(len(feats), 4, dtype=torch.int32)
    return Voxels(feats, coors, rows, (1, 1, 1), 1)


@pytest.mark.parametrize("name", FUNCTIONS)
@settings(max_examples=15, deadline=None)
@given(values=features)
def test_finite_features_have_finite_results_and_gradients(
    name: str, values: np.ndarray[Any, Any]
) -> None:
    feats = torch.from_numpy(values.copy()).requires_grad_()
    result = FUNCTIONS[name](feats)
    assert result.isfinite().all()
    result.sum().backward()
    assert feats.grad is not None
    assert feats.grad.isfinite().all()


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("num_rows", [1, 4])
def test_a_feature_that_is_not_finite_shows(name: str, bad: float, num_rows: int) -> None:
    feats = torch.rand(num_rows, CHANNELS, generator=torch.Generator().manual_seed(0))
    if num_rows == 1 and "region contrast" in name and "all points" not in name:
        feats = feats.repeat(3, 1)  # so that there is a region
    feats[-1, 1] = bad
    assert not FUNCTIONS[name](feats).isfinite().all()


@pytest.mark.parametrize("kind", VOXELIZERS)
@settings(max_examples=15, deadline=None)
@given(first=clouds, second=clouds)
def test_any_points_are_voxelized(kind: str, first: Any, second: Any) -> None:
    points = [torch.from_numpy(cloud.copy()) for cloud in (first, second)]
    voxels = VOXELIZERS[kind]()(points)
    assert voxels.features.isfinite().all()
    assert len(voxels.point2voxel) == len(first) + len(second)
    seen = voxels.point2voxel[voxels.point2voxel >= 0]
    assert seen.unique().tolist() == list(range(len(voxels.coors)))


@pytest.mark.parametrize("kind", VOXELIZERS)
def test_values_of_points_that_are_not_finite_show(kind: str) -> None:
    points = torch.ones(3, 5)
    points[0, 3 if kind != "mean" else 0] = math.nan
    if kind == "mean":  # has no column but positions: the point is out of range
        assert VOXELIZERS[kind]()([points]).point2voxel.tolist() == [-1, 0, 0]
    else:
        assert VOXELIZERS[kind]()([points]).features.isnan().any()


def test_a_single_voxel_is_refused_with_its_sample() -> None:
    on_voxels = test_point_region_contrast.ON_VOXELS
    model = test_point_region_contrast.make_pretrainer(**on_voxels).train()
    view, rows = [torch.ones(1, 5)], [torch.zeros(1, dtype=torch.int64)]
    inputs = {"points": view, "cloud_views": [view, view], "sampled_points": rows}
    samples = [type("Sample", (), {"sample_token": "a"})()]
    with pytest.raises(ValueError, match="sample a has a single voxel or point, from which"):
        model(inputs, samples, mode="loss")
