"""The LiDAR network: its maps, its names, what empty clouds do to it."""

import copy
from pathlib import Path
from typing import Any

import mmdet3d
import pytest
import torch
from mmengine import Config
from mmengine.registry import init_default_scope
from torch import Tensor

from perception_kd.models.networks.lidar_network import LidarNetworkMixin, PtsParts
from perception_kd.registry import MODELS
from tests.models.small_networks import PILLARS, RANGE, VOXELNET

NETWORKS = pytest.mark.parametrize("parts", [PILLARS, VOXELNET], ids=["PointPillars", "VoxelNet"])


class Network(LidarNetworkMixin):
    """The parts and nothing else."""


def make_network(parts: dict[str, Any]) -> Network:
    init_default_scope("perception_kd")
    torch.manual_seed(0)
    network = Network()
    network.build_lidar_network(PtsParts(**copy.deepcopy(parts)))
    return network


def make_points(num_points: int, seed: int = 0, lags: int = 1) -> Tensor:
    """Make a cloud of one or more sweeps: x, y, z in m, intensity, time lag in s."""
    generator = torch.Generator().manual_seed(seed)
    points = torch.randn(num_points, 5, generator=generator) * torch.tensor([3, 2, 1, 50, 0])
    points[:, 4] = 0.05 * (torch.arange(num_points) % lags)
    return points


def test_convention_rows_of_the_map_are_y_and_columns_x() -> None:
    # One point at x = 1.25, y = 0.85: pillar column (1.25 + 6.4) / 0.2 = 38, row
    # (0.85 + 3.2) / 0.2 = 20, and nothing anywhere else.
    parts = {**PILLARS, "pts_backbone": None, "pts_neck": None}
    network = make_network(parts).eval()
    bev = network.extract_pts_bev([torch.tensor([[1.25, 0.85, 0.0, 9.0, 0.0]])])
    assert bev.shape == (1, 8, 32, 64)
    assert bev.abs().sum(dim=(0, 1)).nonzero().tolist() == [[20, 38]]


@NETWORKS
@pytest.mark.parametrize("lags", [1, 10], ids=["single sweep", "multi-sweep"])
def test_maps_train_to_the_same_weights_in_every_run(parts: dict[str, Any], lags: int) -> None:
    points = [make_points(400, 1, lags), make_points(300, 2, lags)]
    runs = []
    for _ in range(2):
        network = make_network(parts)
        optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
        for _ in range(2):
            network.extract_pts_bev(points).square().mean().backward()
            assert all(p.grad is not None for p in network.parameters())
            optimizer.step()
        runs.append(network.state_dict())
    assert runs[0].keys() == runs[1].keys()
    assert all(torch.equal(value, runs[1][name]) for name, value in runs[0].items())
    assert not torch.equal(next(make_network(parts).parameters()), next(iter(runs[0].values())))


@NETWORKS
def test_a_time_lag_changes_the_map(parts: dict[str, Any]) -> None:
    network = make_network(parts).eval()
    single, multi = ([make_points(400, lags=lags)] for lags in (1, 10))
    assert not torch.equal(network.extract_pts_bev(single), network.extract_pts_bev(multi))


@NETWORKS
def test_the_map_of_a_cloud_does_not_depend_on_the_batch(parts: dict[str, Any]) -> None:
    network = make_network(parts).eval()
    alone = network.extract_pts_bev([make_points(400)])
    batch = network.extract_pts_bev([make_points(300, 2), make_points(400), make_points(0)])
    torch.testing.assert_close(batch[1:2], alone)


@NETWORKS
def test_a_batch_without_voxels_gives_every_gradient(parts: dict[str, Any]) -> None:
    network = make_network(parts)
    bev = network.extract_pts_bev([torch.zeros(0, 5), torch.full((3, 5), 100.0)])
    bev.sum().backward()
    assert bev.isfinite().all()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())
    assert all(value.isfinite().all() for value in network.state_dict().values())


@NETWORKS
def test_points_read_the_map_that_the_network_makes(parts: dict[str, Any]) -> None:
    network = make_network(parts).eval()
    points = [make_points(400)]
    bev = network.extract_pts_bev(points)
    cell_size = 12.8 / bev.shape[3]
    head = MODELS.build(
        dict(type="BEVProjection", in_channels=bev.shape[1], point_cloud_range=RANGE)
        | dict(cell_size=cell_size, out_channels=4)
    )
    feats = network.extract_pts_feat(points, head).feats
    assert torch.equal(feats, head(bev, points, network.pts_voxelizer(points)))


def test_what_was_frozen_stays_frozen_when_more_is() -> None:
    network = make_network(PILLARS)
    encoder, backbone = network.pts_voxel_encoder, network.pts_backbone
    assert encoder is not None
    assert backbone is not None
    assert network.pts_neck is not None
    network.freeze([encoder])
    network.freeze([backbone])
    network.train()
    for part in (encoder, backbone):
        assert not any(module.training for module in part.modules())
        assert not any(p.requires_grad for p in part.parameters())
    assert network.pts_neck.training
    assert all(p.requires_grad for p in network.pts_neck.parameters())


def test_a_network_of_voxels_has_no_map() -> None:
    network = make_network({**PILLARS, "pts_middle_encoder": None})
    with pytest.raises(ValueError, match="A BEV map needs a pts_middle_encoder"):
        network.extract_pts_bev([make_points(10)])


def test_several_levels_of_maps_are_refused() -> None:
    network = make_network({**PILLARS, "pts_neck": None})
    with pytest.raises(ValueError, match="one level of maps, but got 2"):
        network.extract_pts_bev([make_points(10)])


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["pillar02", "voxel01"])
def test_names_and_shapes_are_those_of_mmdet3ds_centerpoint(kind: str) -> None:
    folder = Path(mmdet3d.__file__).parent / ".mim" / "configs" / "_base_" / "models"
    cfg = Config.fromfile(folder / f"centerpoint_{kind}_second_secfpn_nus.py").model
    bounds = [-51.2, -51.2, -5.0, 51.2, 51.2, 3.0]
    layer = cfg.data_preprocessor.voxel_layer
    layer.point_cloud_range = bounds
    cfg.pts_bbox_head.bbox_coder.pc_range = bounds[:2]
    voxelizer = dict(
        type="HardVoxelizer",
        voxel_size=layer.voxel_size,
        point_cloud_range=bounds,
        max_num_points=layer.max_num_points,
        max_voxels=layer.max_voxels,
    )
    parts = {k: cfg[k] for k in cfg if k.startswith("pts_") and k != "pts_bbox_head"}
    ours = make_network(dict(pts_voxelizer=voxelizer, **parts)).state_dict()
    theirs = MODELS.build(cfg).state_dict()
    theirs = {k: v for k, v in theirs.items() if not k.startswith("pts_bbox_head.")}
    assert {k: v.shape for k, v in ours.items()} == {k: v.shape for k, v in theirs.items()}
