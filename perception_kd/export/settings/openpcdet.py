"""The parts of an OpenPCDet config that build a network and cut its voxels."""

from collections.abc import Mapping
from typing import Any, cast

import yaml
from torch import nn

from perception_kd.export.settings.exported import ANY_VOXELS, Exported, list_columns
from perception_kd.export.settings.features import list_changed_columns
from perception_kd.export.weights.layers import is_sparse


def describe_for_openpcdet(exported: Exported) -> str:
    """Return the text of a YAML file with ``DATA_CONFIG`` and ``MODEL``.

    Args:
        exported: What was exported.
    """
    ours = exported.settings
    changed = list_changed_columns(exported.network, "OpenPCDet")
    voxels = ours["pts_voxelizer"]
    content = {
        "DATA_CONFIG": _describe_voxels(voxels) | {"POINT_FEATURE_ENCODING": _list_features(ours)},
        "MODEL": {
            "NAME": "CenterPoint",
            **_describe_encoders(ours, exported.network),
            **_describe_maps(ours, exported.parts),
        },
    }
    comments = [
        f"# The network of {exported.weights} for OpenPCDet: merge it into your config, whose",
        "# head and data must fit. Intensities have the range of the training.",
        *(f"# {line}" for line in changed),
    ]
    return "\n".join([*comments, yaml.safe_dump(_as_yaml(content), sort_keys=False)])


def _describe_voxels(voxels: Mapping[str, Any]) -> dict[str, Any]:
    limits = voxels.get("max_voxels", ANY_VOXELS)
    cut = {
        "NAME": "transform_points_to_voxels",
        "VOXEL_SIZE": voxels["voxel_size"],
        "MAX_POINTS_PER_VOXEL": voxels.get("max_num_points") or voxels.get("max_points"),
        "MAX_NUMBER_OF_VOXELS": dict(zip(("train", "test"), limits, strict=True)),
    }
    return {"POINT_CLOUD_RANGE": voxels["point_cloud_range"], "DATA_PROCESSOR": [cut]}


def _list_features(ours: Mapping[str, Any]) -> dict[str, Any]:
    columns = list_columns(ours)
    return {
        "encoding_type": "absolute_coordinates_encoding",
        "used_feature_list": columns,
        "src_feature_list": columns,
    }


def _describe_encoders(ours: Mapping[str, Any], network: nn.Module) -> dict[str, Any]:
    middle = ours["pts_middle_encoder"]
    if middle["type"] == "PointPillarsScatter":
        channels = ours["pts_voxel_encoder"]["feat_channels"]
        encoder = {
            "NAME": "PillarVFE",
            "WITH_DISTANCE": False,
            "USE_ABSLOTE_XYZ": True,  # as it is spelled there
            "USE_NORM": True,
            "NUM_FILTERS": channels,
        }
        to_map = {"NAME": "PointPillarScatter", "NUM_BEV_FEATURES": channels[-1]}
        return {"VFE": encoder, "MAP_TO_BEV": to_map}
    residual = middle.get("block_type") == "basicblock"
    kind = "VoxelResBackBone8x" if residual else "VoxelBackBone8x"
    channels = _count_map_channels(cast(nn.Module, network.pts_middle_encoder))
    return {
        "VFE": {"NAME": "MeanVFE"},
        "BACKBONE_3D": {"NAME": kind},
        "MAP_TO_BEV": {"NAME": "HeightCompression", "NUM_BEV_FEATURES": channels},
    }


def _count_map_channels(encoder: nn.Module) -> int:
    """Return the channels of a SparseEncoder's map, those of all its cells along z."""
    cells = cast(Any, encoder).sparse_shape[0]
    for layer in encoder.modules():
        if is_sparse(layer) and not (conv := cast(Any, layer)).subm:
            cells = (cells + 2 * conv.padding[0] - conv.kernel_size[0]) // conv.stride[0] + 1
    return int(cast(Any, encoder).output_channels * cells)


def _describe_maps(ours: Mapping[str, Any], parts: frozenset[str]) -> dict[str, Any]:
    if not {"pts_backbone", "pts_neck"} & parts:
        return {}
    backbone, neck = ours["pts_backbone"], ours.get("pts_neck") or {}
    network = {
        "NAME": "BaseBEVBackbone",
        "LAYER_NUMS": backbone["layer_nums"],
        "LAYER_STRIDES": backbone["layer_strides"],
        "NUM_FILTERS": backbone["out_channels"],
    }
    if neck:
        network |= {
            "UPSAMPLE_STRIDES": neck["upsample_strides"],
            "NUM_UPSAMPLE_FILTERS": neck["out_channels"],
        }
    return {"BACKBONE_2D": network}


def _as_yaml(value: Any) -> Any:
    """Return a value with lists for tuples, which plain YAML does not have."""
    if isinstance(value, Mapping):
        return {name: _as_yaml(each) for name, each in value.items()}
    return [_as_yaml(each) for each in value] if isinstance(value, list | tuple) else value
