"""The backbone of a Pointcept config."""

from typing import Any, cast

from perception_kd.export.settings.exported import Exported, format_python
from perception_kd.export.settings.features import list_formulas
from perception_kd.export.stacks.pointcept import find_minkunet
from perception_kd.export.weights.unet_names import describe_unet
from perception_kd.models.backbones.minkunet import MinkUNet
from perception_kd.models.voxelizers import PointVoxelizer

_HEAD = "pts_seg_head"


def describe_for_pointcept(exported: Exported) -> str:
    """Return the text of a config with the exported backbone.

    Args:
        exported: What was exported.
    """
    network = cast(MinkUNet, exported.network.pts_backbone)
    stem, channels, layers = describe_unet(network)
    inputs = cast(Any, network.conv_input)[0][0].in_channels
    kind = find_minkunet(network)
    backbone: dict[str, Any] = {"type": kind or "SpUNet-v1m1", "in_channels": int(inputs)}
    if kind is None:
        backbone |= {"base_channels": stem, "channels": channels, "layers": layers}
    outputs = "num_classes" if kind is None else "out_channels"
    has_head = _HEAD in exported.parts
    if has_head:
        backbone[outputs] = cast(Any, exported.network).pts_seg_head.proj.out_features
    comments = [
        f"The network of {exported.weights} for Pointcept: merge it into your config, whose losses",
        "and data must fit.",
        *_describe_voxels(cast(PointVoxelizer, exported.network.pts_voxelizer)),
    ]
    if not has_head:
        comments.append(f"Add {outputs}, the number of your classes, to the backbone.")
    model = {"type": "DefaultSegmentor", "backbone": backbone}
    return format_python({"model": model, "weight": exported.weights}, comments)


def _describe_voxels(voxelizer: PointVoxelizer) -> list[str]:
    """Return what the data must compute, for which there are no transforms."""
    is_cartesian = voxelizer.coordinates == "cartesian"
    axes = "x, y, z (m)" if is_cartesian else "rho (m), phi (degrees), z (m)"
    size = ", ".join(f"{value:.7g}" for value in voxelizer.voxel_size.tolist())
    of_points = "the mean of its points" if voxelizer.reduce == "mean" else "one of its points"
    return [
        f"Voxels here: {size} along {axes}.",
        f"Features of a voxel here, in this order, of {of_points}:",
        *(f"    {formula}" for formula in list_formulas(voxelizer)),
        "Compute them in your data set: columns are those that the training read. Data sets of",
        "Pointcept may divide intensities, those of nuScenes by 255; undo that first.",
    ]
