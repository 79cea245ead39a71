"""A CenterPoint config of mmdet3d for our LiDAR networks."""

from typing import Any

from perception_kd.export.settings.exported import ANY_VOXELS, Exported, format_python, list_columns
from perception_kd.export.settings.features import list_changed_columns

_PARTS = ("pts_voxel_encoder", "pts_middle_encoder", "pts_backbone", "pts_neck")
_START = "init_cfg"


def describe_for_mmdet3d(exported: Exported) -> str:
    """Return the text of a config with the exported parts.

    Args:
        exported: What was exported.
    """
    ours = exported.settings
    model: dict[str, Any] = {"type": "CenterPoint"}
    comments = [
        f"The network of {exported.weights} for mmdet3d 1.x: merge it into your config, whose",
        "head and data must fit.",
    ]
    if exported.parts & set(_PARTS):
        model["data_preprocessor"] = _describe_voxels(dict(ours["pts_voxelizer"]))
        if "pts_voxel_encoder" not in ours:  # SLidR's VoxelNet averages in its voxelizer
            number = ours["pts_middle_encoder"]["in_channels"]
            model["pts_voxel_encoder"] = dict(type="HardSimpleVFE", num_features=number)
        # All of them: a scatter has no weights of its own.
        model |= {name: _plain(ours[name]) for name in _PARTS if ours.get(name)}
        columns = ", ".join(list_columns(ours))
        comments.append(f"Points have the columns {columns}; intensities have the range of the")
        comments.append("training.")
        comments += list_changed_columns(exported.network, "mmdet3d")
    if "img_backbone" in exported.parts:
        backbone = _plain(ours["img_backbone"])
        kind = str(backbone["type"]).rpartition(".")[2]
        model["img_backbone"] = {**backbone, "type": f"mmdet.{kind}"}
    return format_python({"model": model, "load_from": exported.weights}, comments)


def _describe_voxels(voxels: dict[str, Any]) -> dict[str, Any]:
    kind = voxels.pop("type")
    if kind != "HardVoxelizer":  # of SLidR's VoxelNet
        voxels = dict(
            max_num_points=voxels["max_points"],
            point_cloud_range=voxels["point_cloud_range"],
            voxel_size=voxels["voxel_size"],
            max_voxels=ANY_VOXELS,
        )
    return dict(
        type="Det3DDataPreprocessor",
        voxel=True,
        voxel_type="hard",
        voxel_layer={name: _plain(value) for name, value in voxels.items()},
    )


def _plain(value: Any) -> Any:
    """Copy settings without `init_cfg`, the type first."""
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name != "type")  # the others as they are
        return {name: _plain(value[name]) for name in names if name != _START}
    if isinstance(value, list | tuple):
        return type(value)(_plain(each) for each in value)
    return value
