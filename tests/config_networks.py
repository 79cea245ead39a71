"""The sizes that the tokens of networks in the names of configs stand for."""

import inspect
from typing import Any

from perception_kd.registry import MODELS

# Arguments by part of a model; None for a part that the model must not have.
Sizes = dict[str, dict[str, Any] | None]

_RANGE = (-51.2, -51.2, -5.0, 51.2, 51.2, 3.0)
_SWIN_T: Sizes = {
    "img_backbone": dict(
        type="SwinTransformer",
        embed_dims=96,
        depths=(2, 2, 6, 2),
        num_heads=(3, 6, 12, 24),
        window_size=7,
        patch_size=4,
        mlp_ratio=4,
        out_indices=(1, 2, 3),
    ),
    "img_neck": dict(type="GeneralizedLSSFPN", out_channels=256),
}
_RESNET = dict(type="mmdet.ResNet", num_stages=4, strides=(1, 2, 2, 2), out_indices=(1, 2, 3))
_LIFT = dict(out_channels=80, depth_range=(1.0, 60.0, 0.5), cell_size=0.4, downsample=2)
_VOXELNET: Sizes = {
    "pts_voxel_encoder": dict(type="HardSimpleVFE"),
    "pts_middle_encoder": dict(
        type="SparseEncoder",
        base_channels=16,
        output_channels=128,
        encoder_channels=((16, 16, 32), (32, 32, 64), (64, 64, 128), (128, 128)),
        encoder_paddings=((0, 0, 1), (0, 0, 1), (0, 0, (0, 1, 1)), (0, 0)),
        block_type="basicblock",
    ),
}
_VOXEL_MAP: Sizes = {
    "pts_backbone": dict(
        type="SECOND", out_channels=(128, 256), layer_nums=(5, 5), layer_strides=(1, 2)
    ),
    "pts_neck": dict(type="SECONDFPN", out_channels=(256, 256), upsample_strides=(1, 2)),
}
_NO_MAP: Sizes = {"pts_backbone": None, "pts_neck": None}
_VOXELS_01 = dict(type="HardVoxelizer", voxel_size=(0.1, 0.1, 0.2), point_cloud_range=_RANGE)

CAMERA_NETWORKS: list[tuple[str, Sizes]] = [
    (
        "r50-mocov2",
        {
            "img_backbone": dict(
                type="DilatedResNet", depth=50, checkpoint="weights/moco_v2_800ep_pretrain.pth.tar"
            )
        },
    ),
    (
        "efflite0",
        {"img_backbone": dict(type="EfficientNetLite", out_strides=(16,), max_stride=None)},
    ),
    ("swint-lss", _SWIN_T | {"view_transform": dict(_LIFT, type="LSSViewTransform")}),
    ("swint-depthlss", _SWIN_T | {"view_transform": dict(_LIFT, type="DepthLSSViewTransform")}),
    (
        "r50-lss",
        {
            "img_backbone": dict(_RESNET, depth=50, base_channels=64, stem_channels=None),
            "img_neck": dict(type="GeneralizedLSSFPN", out_channels=256),
            "view_transform": dict(_LIFT, type="LSSViewTransform"),
        },
    ),
    (
        "r18-lss-small",
        {
            "img_backbone": dict(_RESNET, depth=18, base_channels=32, stem_channels=32),
            "img_neck": dict(type="GeneralizedLSSFPN", out_channels=64),
            "view_transform": dict(
                _LIFT, type="LSSViewTransform", out_channels=32, depth_range=(1.0, 60.0, 1.0)
            ),
        },
    ),
]

LIDAR_NETWORKS: list[tuple[str, Sizes]] = [
    (
        "minkunet34",
        {
            # As SLidR: 0.1 m, 1 degree, 0.1 m.
            "pts_voxelizer": dict(voxel_size=(0.1, 1.0, 0.1), coordinates="cylindrical"),
            "pts_backbone": dict(
                type="MinkUNet",
                base_channels=32,
                encoder_channels=(32, 64, 128, 256),
                encoder_blocks=(2, 3, 4, 6),
                decoder_channels=(256, 128, 96, 96),
                decoder_blocks=(2, 2, 2, 2),
            ),
        },
    ),
    (
        "minkunet-small",
        {
            "pts_voxelizer": dict(voxel_size=(0.15, 0.15, 0.15), coordinates="cartesian"),
            "pts_backbone": dict(
                type="MinkUNet",
                base_channels=16,
                encoder_channels=(16, 32, 64, 128),
                encoder_blocks=(1, 1, 1, 1),
                decoder_channels=(96, 64, 48, 48),
                decoder_blocks=(1, 1, 1, 1),
            ),
        },
    ),
    (
        "pillar02",
        {
            "pts_voxelizer": dict(voxel_size=(0.2, 0.2, 8), point_cloud_range=_RANGE),
            "pts_voxel_encoder": dict(type="PillarFeatureNet", feat_channels=(64,)),
            "pts_middle_encoder": dict(type="PointPillarsScatter"),
            "pts_backbone": dict(
                type="SECOND",
                out_channels=(64, 128, 256),
                layer_nums=(3, 5, 5),
                layer_strides=(2, 2, 2),
            ),
            "pts_neck": dict(
                type="SECONDFPN", out_channels=(128, 128, 128), upsample_strides=(0.5, 1, 2)
            ),
        },
    ),
    (
        "pillar04-small",
        {
            "pts_voxelizer": dict(voxel_size=(0.4, 0.4, 8), point_cloud_range=_RANGE),
            "pts_voxel_encoder": dict(type="PillarFeatureNet", feat_channels=(32,)),
            "pts_middle_encoder": dict(type="PointPillarsScatter"),
            "pts_backbone": dict(
                type="SECOND",
                out_channels=(32, 64, 64),
                layer_nums=(1, 2, 2),
                layer_strides=(2, 2, 2),
            ),
            "pts_neck": dict(
                type="SECONDFPN", out_channels=(32, 32, 32), upsample_strides=(1, 2, 4)
            ),
        },
    ),
    ("voxel01", {"pts_voxelizer": _VOXELS_01} | _VOXELNET | _VOXEL_MAP),
    # PRC reads the map of the sparse encoder.
    ("voxel01", {"pts_voxelizer": _VOXELS_01} | _VOXELNET | _NO_MAP),
    (
        "voxel0075",
        {
            "pts_voxelizer": dict(
                type="HardVoxelizer",
                voxel_size=(0.075, 0.075, 0.2),
                point_cloud_range=(-54.0, -54.0, -5.0, 54.0, 54.0, 3.0),
            )
        }
        | _VOXELNET
        | _VOXEL_MAP,
    ),
    (
        "voxelnet",
        {
            "pts_voxelizer": dict(
                type="PointVoxelizer", voxel_size=(0.1, 0.1, 0.2), coordinates="cartesian"
            ),
            "pts_middle_encoder": dict(
                type="SparseEncoder",
                base_channels=16,
                output_channels=128,
                encoder_channels=((16,), (32, 32, 32), (64, 64, 64), (64, 64, 64)),
                encoder_paddings=((1,), (1, 1, 1), (1, 1, 1), ((0, 1, 1), 1, 1)),
                block_type="conv_module",
            ),
            **_NO_MAP,
        },
    ),
]


def arguments(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments that a part is built with, its defaults included."""
    parameters = inspect.signature(MODELS.get(settings["type"])).parameters
    return {key: p.default for key, p in parameters.items()} | dict(settings)


def describe_network(model: dict[str, Any], known: list[tuple[str, Sizes]]) -> Any:
    """Return the token of a model's network, or its difference to the nearest."""
    differences = [(token, find_differences(model, sizes)) for token, sizes in known]
    token, difference = min(differences, key=lambda found: len(found[1]))
    return (token, difference) if difference else token


def find_differences(model: dict[str, Any], sizes: Sizes) -> dict[str, Any]:
    """Return what a model has in place of the sizes, by "part.argument"."""
    found: dict[str, Any] = {}
    for part, expected in sizes.items():
        settings = model.get(part)
        if settings is None or expected is None:
            if settings is not expected:
                found[part] = settings
            continue
        built = arguments(settings.get("backbone", settings))
        for key, value in expected.items():
            if _freeze(built.get(key)) != value:
                found[f"{part}.{key}"] = built.get(key)
    return found


def _freeze(value: Any) -> Any:
    return tuple(map(_freeze, value)) if isinstance(value, list | tuple) else value
