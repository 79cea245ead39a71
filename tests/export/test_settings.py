"""Settings with which other stacks build what is exported to them."""

from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from mmengine import Config

from perception_kd.export.settings import SETTINGS_FORMATS, Exported
from perception_kd.models.backbones.minkunet import MinkUNet
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


def describe(stack: str, config: str, *parts: str, network: Any = None) -> Any:
    """Return the settings of a config for a stack, read back."""
    settings = Config.fromfile(CONFIGS / config).model.to_dict()
    exported = Exported(network, settings, frozenset(parts or LIDAR), "w.pth")
    text = SETTINGS_FORMATS[stack].describe(exported)
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


def test_pointcept_gets_the_class_of_the_network() -> None:
    network = build(SEGMENTATION)
    parts = ("pts_backbone", "pts_seg_head")
    found = describe("pointcept", SEGMENTATION, *parts, network=network)["backbone"]
    classes = network.pts_seg_head.proj.out_features
    assert found == {"type": "MinkUNet34C", "in_channels": 1, "out_channels": classes}
    level = SimpleNamespace(pts_backbone=MinkUNet(2, 8, (8, 8), (1, 2), (12, 16), (2, 1)))
    found = describe("pointcept", MINKUNET, "pts_backbone", network=level)["backbone"]
    assert found["type"] == "SpUNet-v1m1"
    assert (found["base_channels"], found["channels"]) == (8, (8, 8, 12, 16))
    assert found["layers"] == (1, 2, 2, 1)
