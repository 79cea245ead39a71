"""perception_kd.load: bit-identical to the forward pass of the training."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import perception_kd
from tests.api.conftest import Trained

SLIDR = "slidr/smoke/slidr_r50-mocov2_minkunet34_1xb4-sgd-cosine-50e_nus.py"
VOXELNET = "slidr/smoke/slidr_r50-mocov2_voxelnet_1xb6-sgd-cosine-50e_nus.py"
PPKT = "ppkt/smoke/ppkt_r50-mocov2_minkunet34_1xb4-sgd-cosine-50e_nus.py"
PRC = "calico/smoke/prc_pillar02_8xb4-cyclic-20e_nus.py"
PRC_VOXELS = "calico/smoke/prc_voxel01_8xb4-cyclic-20e_nus.py"
RAD = "calico/smoke/rad_r50-lss_pillar02_8xb4-cyclic-20e_nus.py"
LIDARSEG = "lidarseg/lidarseg-probe_minkunet-small_1xb4-adamw-cosine-10e_synthetic-1of2.py"
DET = "det/smoke/det_pillar02_8xb4-cyclic-20e_nus.py"
FUSION = "det/smoke/det_swint-depthlss_pillar02_8xb4-cyclic-20e_nus.py"
MAPS = "mapseg/smoke/mapseg_swint-lss_8xb4-cyclic-20e_nus.py"

Make = Callable[[str], Trained]


def same(feats: Any, expected: Tensor) -> bool:
    """Return whether features are those of the training, bit by bit."""
    assert expected.std() > 0
    return np.array_equal(np.asarray(feats), expected.numpy(force=True))


@pytest.mark.parametrize("config", [SLIDR, VOXELNET, PPKT])
def test_image_to_lidar_features_are_those_of_training(config: str, trained: Make) -> None:
    run = trained(config)
    net = perception_kd.load(run.path, device="cpu")
    with torch.no_grad():
        points, pixels = run.model(run.inputs, mode="tensor")
        maps = run.model.img_head.project(run.model.img_backbone(run.inputs["imgs"]))
        own = run.model.img_backbone(run.inputs["imgs"])
    feats = net.points(run.clouds)
    kept = [each[row] for each, row in zip(feats, run.rows, strict=True)]
    assert same(np.concatenate(kept), points.feats)
    assert [len(each) for each in feats] == [len(cloud) for cloud in run.clouds]
    assert same(np.concatenate(net.images(run.imgs)), maps)
    assert same(np.concatenate(net.images(run.imgs, head=False)), own)
    assert pixels.shape[1] == maps.shape[1] == points.feats.shape[1]


@pytest.mark.parametrize("config", [PRC, PRC_VOXELS, RAD])
def test_maps_of_the_lidar_are_those_of_training(config: str, trained: Make) -> None:
    run = trained(config)
    net = perception_kd.load(run.path, device="cpu")
    clouds = run.inputs["points"]  # augmented by PRC, shuffled
    with torch.no_grad():
        expected = run.model.extract_pts_bev(clouds)
        alone = run.model.extract_pts_bev(clouds[1:])
    assert same(net.bev(clouds), expected)
    assert same(net.bev(clouds[1].numpy()), alone[0])


def test_points_of_prc_are_those_that_training_compares(trained: Make) -> None:
    run = trained(PRC)
    net = perception_kd.load(run.path, device="cpu")
    clouds = run.inputs["points"]
    rows = [torch.arange(len(cloud)) for cloud in clouds]
    with torch.no_grad():
        compared = torch.cat(run.model.embed_points(clouds, rows))
    feats = torch.cat(net.points(clouds))
    seen = (feats != 0).any(dim=1)
    assert 0.5 < seen.float().mean() < 1.0
    assert same(feats[seen], compared[seen])


def test_the_map_of_cameras_is_that_of_training(trained: Make) -> None:
    run = trained(RAD)
    net = perception_kd.load(run.path, device="cpu")
    with torch.no_grad():
        expected = run.model.extract_img_bev(run.inputs)
        feats = run.model.extract_img_feats(run.inputs["imgs"])
    assert same(net.bev(run.clouds, run.imgs, run.calibrations), expected)
    assert same(np.concatenate(net.images(run.imgs)), feats)


@pytest.mark.parametrize("config", [DET, FUSION, MAPS])
def test_the_map_of_a_task_is_what_its_head_reads(config: str, trained: Make) -> None:
    run = trained(config)
    net = perception_kd.load(run.path, device="cpu")
    with torch.no_grad():
        expected = run.model.extract_bev(run.inputs)
    given = (run.clouds, run.imgs, run.calibrations)
    parts: Any = [each or None for each in given]
    assert same(net.bev(*parts), expected)
    assert net.classes == tuple(next(iter(run.model.class_names.values())))


def test_scores_of_points_are_those_of_training(trained: Make) -> None:
    run = trained(LIDARSEG)
    net = perception_kd.load(run.path, device="cpu")
    with torch.no_grad():
        expected = run.model(run.inputs, mode="tensor")
    assert same(np.concatenate(net.points(run.clouds)), expected)
    assert net.classes == ("car", "road")


def test_own_features_are_those_before_the_head(trained: Make) -> None:
    run = trained(SLIDR)
    net = perception_kd.load(run.path, device="cpu")
    cloud = run.inputs["points"][0]
    own = net.points(cloud, head=False)
    with torch.no_grad():
        voxels = run.model.pts_voxelizer([cloud])
        feats = run.model._run_sparse_backbone(voxels)
        expected = feats[voxels.point2voxel]
    assert same(own, expected)


def test_own_features_of_a_map_are_read_at_the_points(trained: Make) -> None:
    run = trained(DET)
    net = perception_kd.load(run.path, device="cpu")
    cloud = torch.tensor([[0.4, 0.4, 0.0, 9.0, 0.0], [-50.8, 7.6, 1.0, 9.0, 0.0]])
    bev, feats = net.bev(cloud), net.points(cloud, head=False)
    # Cells of 0.8 m from -51.2 m: the points are at centers of cells.
    assert bev.shape[1:] == (128, 128)
    torch.testing.assert_close(feats, torch.stack([bev[:, 64, 64], bev[:, 73, 0]]))


def test_one_sample_in_gives_one_out_in_its_own_kind(trained: Make) -> None:
    run = trained(SLIDR)
    net = perception_kd.load(run.path, device="cpu")
    cloud, imgs = run.clouds[0][:, :4], run.imgs[0]
    arrays = (net.points(cloud), net.images(imgs))
    tensors = (net.points(torch.from_numpy(cloud)), net.images(torch.from_numpy(np.stack(imgs))))
    assert all(isinstance(each, np.ndarray) for each in arrays)
    for array, tensor in zip(arrays, tensors, strict=True):
        assert same(array, tensor)
        assert not tensor.requires_grad
        assert not tensor.is_inference()  # can be an input of what is trained next
    assert len(arrays[0]) == len(cloud)
    planes = torch.from_numpy(np.stack(imgs)).permute(0, 3, 1, 2)
    assert same(net.images(imgs[0]), net.images(planes[:1]))


def test_points_left_out_keep_their_place(trained: Make) -> None:
    run = trained(SLIDR)
    net = perception_kd.load(run.path, device="cpu")
    cloud = run.clouds[0].astype(np.float64)
    with_gaps = np.insert(cloud, [0, 5], np.nan, axis=0)
    feats = net.points(with_gaps)
    assert not feats[[0, 6]].any()
    assert np.array_equal(np.delete(feats, [0, 6], axis=0), net.points(cloud))


def test_a_cloud_out_of_range_has_zero_features(trained: Make) -> None:
    net = perception_kd.load(trained(DET).path, device="cpu")
    assert not net.points(np.full((3, 4), 200.0), head=False).any()
    assert net.points(np.zeros((0, 4)), head=False).shape == (0, 48)
