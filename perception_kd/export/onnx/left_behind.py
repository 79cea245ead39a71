"""Parts of a checkpoint that are in none of its ONNX files."""

from collections.abc import Sequence
from typing import Any

from mmdet3d.models import PillarFeatureNet
from torch import nn

from perception_kd.export.onnx.modules import DensePart
from perception_kd.export.weights.parts import list_network_parts, part_of
from perception_kd.models.view_transforms import DepthLSSViewTransform

DEPTH_REASON = (
    "DepthLSSViewTransform draws depth images of the points, which ONNX cannot; only the cameras "
    "of networks with LSSViewTransform are exported"
)
_CAMERAS = ("img_backbone", "img_neck", "view_transform")


def list_left_behind(model: nn.Module, parts: Sequence[DensePart]) -> list[str]:
    """Return a line for each part of a model whose tensors are in no file.

    Args:
        model: The model of the checkpoint.
        parts: The parts that are exported.

    Returns:
        Name, number of tensors and reason; for parts with some exported tensors, the
        number of the others.
    """
    exported = {
        id(value) for part in parts for value in (*part.module.parameters(), *part.module.buffers())
    }
    stored = {name for name in model.state_dict() if not name.endswith("num_batches_tracked")}
    left: dict[str, int] = {}
    for name, value in (*model.named_parameters(), *model.named_buffers()):
        if name in stored and id(value) not in exported:
            left[part_of(name)] = left.get(part_of(name), 0) + 1
    return [f"{name} ({count} tensors): {_reason(model, name)}" for name, count in left.items()]


def _reason(model: Any, name: str) -> str:
    part = getattr(model, name)
    if name == "pts_middle_encoder" and not isinstance(model.pts_voxel_encoder, PillarFeatureNet):
        return (
            f"{type(part).__name__} has sparse convolutions, which ONNX does not have; run it with "
            "spconv, and give its map to lidar_map_network.onnx"
        )
    if name in _CAMERAS and isinstance(model.view_transform, DepthLSSViewTransform):
        return DEPTH_REASON
    if name in list_network_parts(model):
        return "it has no place in these files"
    return "only the training needs it"
