"""Settings with which other stacks build what is exported to them."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
import yaml
from mmengine import Config
from mmengine.registry import init_default_scope

from perception_kd.export.settings import SETTINGS_FORMATS, Exported
from perception_kd.models.backbones.minkunet import MinkUNet
from perception_kd.models.voxelizers import PointVoxelizer
from perception_kd.registry import MODELS
from tests.export.networks import (
    DETECTION,
    MINKUNET,
    PILLARS,
    RAD,
    SEGMENTATION,
    VOXELNET,
    build,
)
from tests.test_configs import CONFIGS

LIDAR = ("pts_voxel_encoder", "pts_middle_encoder", "pts_backbone", "pts_neck")


def read_model(config: str) -> Any:
    """Return the value of ``model`` in a config."""
    return Config.fromfile(CONFIGS / config).model.to_dict()


def build_parts(settings: Any) -> Any:
    """Build the parts of a network that settings are read from."""
    init_default_scope("perception_kd")
    names = [name for name in ("pts_voxelizer", "pts_middle_encoder") if name in settings]
    return SimpleNamespace(**{name: MODELS.build(settings[name]) for name in names})


def write(stack: str, config: str, *parts: str, network: Any = None, voxelizer: Any = None) -> str:
    """Return the text for a config, with changes to its voxelizer."""
    settings = read_model(config)
    settings["pts_voxelizer"] |= voxelizer or {}
    network = network or build_parts(settings)
    exported = Exported(network, settings, frozenset(parts or LIDAR), "w.pth")
    return SETTINGS_FORMATS[stack].describe(exported)


def describe(stack: str, config: str, *parts: str, network: Any = None) -> Any:
    """Return the settings of a config for a stack, read back."""
    text = write(stack, config, *parts, network=network)
    if stack == "openpcdet":
        return yaml.safe_load(text)
    read: dict[str, Any] = {}
    exec(text, read)
    return read["model"]


def test_pillars_of_openpcdet_have_our_sizes() -> None:
    found = describe("openpcdet", PILLARS)
    model, data = found["MODEL"], found["DATA_CONFIG"]
    assert model["VFE"]["NAME"] == "PillarVFE"
    assert model["VFE"]["NUM_FILTERS"] == [64]
    assert model["MAP_TO_BEV"] == {"NAME": "PointPillarScatter", "NUM_BEV_FEATURES": 64}
    assert model["BACKBONE_2D"] == {
        "NAME": "BaseBEVBackbone",
        "LAYER_NUMS": [3, 5, 5],
        "LAYER_STRIDES": [2, 2, 2],
        "NUM_FILTERS": [64, 128, 256],
        "UPSAMPLE_STRIDES": [0.5, 1, 2],
        "NUM_UPSAMPLE_FILTERS": [128, 128, 128],
    }
    assert data["POINT_CLOUD_RANGE"] == [-51.2, -51.2, -5.0, 51.2, 51.2, 3.0]
    (voxels,) = data["DATA_PROCESSOR"]
    assert voxels["VOXEL_SIZE"] == [0.2, 0.2, 8]
    assert voxels["MAX_NUMBER_OF_VOXELS"] == {"train": 30000, "test": 60000}
    features = data["POINT_FEATURE_ENCODING"]["used_feature_list"]
    assert features == ["x", "y", "z", "intensity", "timestamp"]


@pytest.mark.parametrize(
    ("config", "encoder", "has_map"),
    [(DETECTION, "VoxelResBackBone8x", True), (VOXELNET, "VoxelBackBone8x", False)],
)
def test_voxels_of_openpcdet_name_their_encoder(config: str, encoder: str, has_map: bool) -> None:
    parts = LIDAR if has_map else ("pts_middle_encoder",)
    model = describe("openpcdet", config, *parts)["MODEL"]
    assert model["BACKBONE_3D"]["NAME"] == encoder
    assert ("BACKBONE_2D" in model) == has_map


def test_cameras_of_mmdet3d_are_those_of_mmdet() -> None:
    model = describe("mmdet3d", RAD, "img_backbone")
    assert model["img_backbone"]["type"] == "mmdet.SwinTransformer"
    assert model["img_backbone"]["depths"] == [2, 2, 6, 2]
    assert "init_cfg" not in model["img_backbone"]
    assert "pts_backbone" not in model
    plain = describe("mmdet3d", VOXELNET, "pts_middle_encoder")
    assert plain["pts_voxel_encoder"] == {"type": "HardSimpleVFE", "num_features": 4}


def level_network(**voxelizer: Any) -> Any:
    """Return a network that SpUNet takes, with a voxelizer."""
    backbone = MinkUNet(2, 8, (8, 8), (1, 2), (12, 16), (2, 1))
    return SimpleNamespace(pts_backbone=backbone, pts_voxelizer=PointVoxelizer(**voxelizer))


def test_pointcept_gets_the_class_of_the_network() -> None:
    network = build(SEGMENTATION)
    parts = ("pts_backbone", "pts_seg_head")
    found = describe("pointcept", SEGMENTATION, *parts, network=network)["backbone"]
    classes = network.pts_seg_head.proj.out_features
    assert found == {"type": "MinkUNet34C", "in_channels": 1, "out_channels": classes}
    found = describe("pointcept", MINKUNET, "pts_backbone", network=level_network())["backbone"]
    assert found["type"] == "SpUNet-v1m1"
    assert (found["base_channels"], found["channels"]) == (8, (8, 8, 12, 16))
    assert found["layers"] == (1, 2, 2, 1)


def test_pointcept_gets_the_formula_of_each_feature() -> None:
    network = level_network(
        coordinates="cartesian",
        reduce="mean",
        feature_columns=(3, 2, "offset"),
        feature_scale=(1 / 64, 0.5, 1.0, 1.0, 1.0),
        feature_offset=(1.0, 0.0, 0.0, 0.0, -0.25),
    )
    lines = write("pointcept", MINKUNET, "pts_backbone", network=network).splitlines()
    start = lines.index("# Features of a voxel here, in this order, of the mean of its points:") + 1
    assert [line.removeprefix("#").strip() for line in lines[start : start + 5]] == [
        "intensity * 0.015625 + 1",
        "z * 0.5 + 0",
        "(x from the center of the voxel, in voxels) * 1 + 0",
        "(y from the center of the voxel, in voxels) * 1 + 0",
        "(z from the center of the voxel, in voxels) * 1 + -0.25",
    ]


@pytest.mark.parametrize("stack", ["mmdet3d", "openpcdet"])
def test_factors_on_intensities_are_stated(stack: str) -> None:
    voxelizer = dict(feature_scale=(1, 1, 1, 0.5), feature_offset=(0, 0, 0, 1))
    text = write(stack, VOXELNET, "pts_middle_encoder", voxelizer=voxelizer)
    assert "# Change a column of the points before, in your data: intensity * 0.5 + 1.\n" in text
    assert "Change a column" not in write(stack, VOXELNET, "pts_middle_encoder")


@pytest.mark.parametrize("stack", ["mmdet3d", "openpcdet"])
@pytest.mark.parametrize(
    ("voxelizer", "reason"),
    [
        (dict(feature_scale=0.5), "feature_scale or feature_offset of x, y or z"),
        (dict(feature_offset=1.0), "feature_scale or feature_offset of x, y or z"),
        (dict(feature_columns=(3, 0, 1, 2)), r"feature_columns=\(3, 0, 1, 2\)"),
        (dict(coordinates="cylindrical"), 'coordinates="cylindrical"'),
        (dict(reduce="first", max_points=None), 'reduce="first", no max_points'),
        (dict(point_cloud_range=None), "no point_cloud_range"),
    ],
)
def test_features_without_settings_are_refused(stack: str, voxelizer: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=f"has no settings for pts_voxelizer with {reason}"):
        write(stack, VOXELNET, "pts_middle_encoder", voxelizer=voxelizer)


@pytest.mark.parametrize("config", [DETECTION, VOXELNET])
@pytest.mark.parametrize("cells", [25, 41, 57])
def test_channels_of_the_map_are_those_of_the_network(config: str, cells: int) -> None:
    settings = read_model(config)
    settings["pts_middle_encoder"]["sparse_shape"] = [cells, 16, 16]
    network = build_parts(settings)
    coors = torch.zeros(1, 4, dtype=torch.int32)
    feats = torch.ones(1, settings["pts_middle_encoder"]["in_channels"])
    with torch.no_grad():
        bev = network.pts_middle_encoder.eval()(feats, coors, 1)
    found = describe("openpcdet", config, "pts_middle_encoder", network=network)["MODEL"]
    assert found["MAP_TO_BEV"]["NUM_BEV_FEATURES"] == bev.shape[1]
