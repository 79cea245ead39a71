"""Cameras, LiDAR and both end in one map; what is left out costs nothing."""

from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine import Config
from mmengine.registry import DefaultScope
from torch import Tensor, nn

from perception_kd.models.tasks import BEVDetector, BEVMapSegmentor
from perception_kd.structures import Batch

MODEL_CONFIGS = Path(__file__).parents[3] / "configs" / "_base_" / "models"
RANGE = (-8.0, -8.0, -4.0, 8.0, 8.0, 4.0)
CAMERA: dict[str, Any] = dict(
    img_backbone=dict(
        type="mmdet.ResNet",
        depth=18,
        num_stages=3,
        strides=(1, 2, 2),
        dilations=(1, 1, 1),
        out_indices=(1, 2),
        norm_eval=False,
    ),
    img_neck=dict(type="GeneralizedLSSFPN", in_channels=(128, 256), out_channels=16),
    view_transform=dict(
        type="LSSViewTransform",
        in_channels=16,
        out_channels=8,
        point_cloud_range=RANGE,
        cell_size=0.5,
        depth_range=(1.0, 9.0, 1.0),
        downsample=2,
    ),
)
LIDAR: dict[str, Any] = dict(
    pts_voxelizer=dict(
        type="PointVoxelizer",
        voxel_size=(0.25, 0.25, 0.4),
        coordinates="cartesian",
        point_cloud_range=RANGE,
        reduce="mean",
        feature_columns=(0, 1, 2, 3),
    ),
    pts_middle_encoder=dict(
        type="SparseEncoder",
        in_channels=4,
        sparse_shape=[21, 64, 64],
        base_channels=8,
        output_channels=8,
        encoder_channels=((8,), (8, 8), (8, 8)),
        encoder_paddings=((1,), (1, 1), (1, 1)),
    ),
    pts_backbone=dict(
        type="SECOND", in_channels=16, out_channels=[12], layer_nums=[1], layer_strides=[1]
    ),
)
FUSER: dict[str, Any] = dict(type="ConvFuser", in_channels=(8, 12), out_channels=10)
DECODER: dict[str, Any] = dict(
    bev_backbone=dict(
        type="SECOND",
        in_channels=10,
        out_channels=[8, 16],
        layer_nums=[1, 1],
        layer_strides=[1, 2],
    ),
    bev_neck=dict(
        type="SECONDFPN", in_channels=[8, 16], out_channels=[6, 6], upsample_strides=[1, 2]
    ),
)


def make_network(**parts: Any) -> BEVMapSegmentor:
    """Return a model with nothing behind the map."""
    return BEVMapSegmentor(map_head=dict(type=nn.Identity), **parts)


@pytest.fixture
def inputs() -> Batch:
    """Return a batch of two samples with three cameras and two."""
    torch.manual_seed(0)
    forward = torch.tensor([[0.0, -1, 0, 0], [0, 0, -1, 0], [1, 0, 0, 0], [0, 0, 0, 1]])
    points = torch.rand(2, 300, 5) * torch.tensor([14.0, 14, 5, 255, 0]) - torch.tensor(
        [7.0, 7, 2, 0, 0]
    )
    return {
        "points": list(points),
        "imgs": torch.randn(5, 3, 64, 96),
        "lidar2cam": forward.expand(5, 4, 4),
        "cam2img": torch.tensor([[60.0, 0, 48], [0, 60, 32], [0, 0, 1]]).expand(5, 3, 3),
        "img_aug_matrix": torch.eye(3).expand(5, 3, 3),
        "lidar_aug_matrix": torch.eye(4).expand(2, 4, 4),
        "view_sample": torch.tensor([0, 0, 0, 1, 1]),
    }


def trains_every_parameter(network: nn.Module, bev: Tensor) -> bool:
    bev.square().mean().backward()
    return all(p.grad is not None for p in network.parameters())


def test_the_cameras_alone_give_a_map(inputs: Batch) -> None:
    network = make_network(**CAMERA)
    del inputs["points"]
    bev = network.extract_bev(inputs)
    assert bev.shape == (2, 8, 16, 16)
    assert trains_every_parameter(network, bev)


def test_the_lidar_alone_gives_a_map(inputs: Batch) -> None:
    network = make_network(**LIDAR)
    bev = network.extract_bev({"points": inputs["points"]})
    assert bev.shape == (2, 12, 16, 16)
    assert torch.equal(bev, network.extract_pts_bev(inputs["points"]))
    assert trains_every_parameter(network, bev)


def test_both_give_a_map_that_a_decoder_reads(inputs: Batch) -> None:
    network = make_network(**CAMERA, **LIDAR, fuser=FUSER, **DECODER)
    bev = network.extract_bev(inputs)
    assert bev.shape == (2, 12, 16, 16)
    assert trains_every_parameter(network, bev)


def test_the_camera_comes_first_and_both_are_fused_on_one_grid(inputs: Batch) -> None:
    network = make_network(**CAMERA, **LIDAR, fuser=FUSER).eval()
    with torch.no_grad():
        maps = [network.extract_img_bev(inputs), network.extract_pts_bev(inputs["points"])]
        assert network.fuser is not None
        assert torch.equal(network.extract_bev(inputs), network.fuser(maps))


@pytest.mark.parametrize(
    ("parts", "others"), [(CAMERA, ("pts_", "fuser", "bev_")), (LIDAR, ("img_", "view_", "fuser"))]
)
def test_a_sensor_left_out_has_no_parameters(
    parts: dict[str, Any], others: tuple[str, ...]
) -> None:
    network = make_network(**parts)
    assert not [name for name in network.state_dict() if name.startswith(others)]
    assert not [name for name, _ in network.named_children() if name.startswith(others)]
    assert len(network.lidar_network_parts()) == (0 if parts is CAMERA else 2)
    assert len(network.camera_network_parts()) == (3 if parts is CAMERA else 0)


def test_lidar_parts_have_the_names_of_a_lidar_only_network() -> None:
    both, alone = make_network(**CAMERA, **LIDAR, fuser=FUSER), make_network(**LIDAR)
    assert set(alone.state_dict()) == {k for k in both.state_dict() if k.startswith("pts_")}


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({}, "The network has no sensor"),
        ({**CAMERA, "fuser": FUSER}, "A fuser is needed for two sensors and only then"),
        ({**CAMERA, **LIDAR}, "A fuser is needed for two sensors and only then"),
        ({"img_backbone": CAMERA["img_backbone"]}, "Give img_backbone and view_transform together"),
    ],
)
def test_rejects_parts_that_do_not_fit_together(parts: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_network(**parts)


@pytest.mark.parametrize(("heads", "given"), [({}, "none"), ({"map_head": {}}, "map_head")])
def test_rejects_the_head_of_another_task(heads: dict[str, Any], given: str) -> None:
    with pytest.raises(ValueError, match=f"BEVDetector needs pts_bbox_head .*, but got {given}"):
        BEVDetector(**heads, **LIDAR)


def test_rejects_several_levels_and_missing_matrices(inputs: Batch) -> None:
    network = make_network(
        **CAMERA,
        bev_backbone=dict(
            type="SECOND", in_channels=8, out_channels=[8, 8], layer_nums=[1, 1],
            layer_strides=[1, 2],
        ),
    )  # fmt: skip
    with pytest.raises(ValueError, match="one level of maps, but got 2; add a bev_neck"):
        network.extract_bev(inputs)
    del inputs["cam2img"]
    with pytest.raises(ValueError, match=r"inputs has no cam2img, but needs .*; load the images"):
        network.extract_bev(inputs)
    with pytest.raises(ValueError, match="The network has no cameras"):
        make_network(**LIDAR).extract_img_bev(inputs)


@pytest.mark.parametrize("name", ["img_swint_lss", "img_r50_lss"])
def test_the_published_cameras_end_in_80_channels_at_08_m(name: str, inputs: Batch) -> None:
    parts = Config.fromfile(MODEL_CONFIGS / f"{name}.py")[name]
    parts.img_backbone.init_cfg = None
    with DefaultScope.overwrite_default_scope("perception_kd"), torch.no_grad():
        network = make_network(**parts).eval()
        assert network.extract_bev(inputs).shape == (2, 80, 128, 128)
