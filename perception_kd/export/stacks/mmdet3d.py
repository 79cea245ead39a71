"""mmdet3d 1.x: detectors of the kind of CenterPoint."""

from collections.abc import Iterator

from mmdet3d.models.dense_heads import CenterHead
from torch import nn

from perception_kd.export.weights.layers import LayerPair, Layouts, is_sparse, same_names
from perception_kd.export.weights.layouts import SPCONV1
from perception_kd.export.weights.stack import Stack
from perception_kd.models.backbones.minkunet import MinkUNet

_LIDAR = ("pts_voxel_encoder", "pts_middle_encoder", "pts_backbone", "pts_neck")


def _list_layers(model: nn.Module) -> Iterator[LayerPair]:
    parts = [name for name in _LIDAR if not isinstance(getattr(model, name, None), MinkUNet)]
    backbone = getattr(model, "img_backbone", None)
    if backbone is not None and _is_of_mmdet(backbone):
        parts.append("img_backbone")
    if isinstance(getattr(model, "pts_bbox_head", None), CenterHead):
        parts.append("pts_bbox_head")
    for name in parts:
        yield from same_names(model, name, name, _layouts)


def _layouts(layer: nn.Module) -> Layouts:
    # A file without versions of its layers is permuted by mmdet3d where spconv 2 is
    # installed, and read as it is by mmcv's own layers.
    return {"weight": SPCONV1} if is_sparse(layer) else {}


def _is_of_mmdet(backbone: nn.Module) -> bool:
    bases = type(backbone).__mro__
    return any(base.__module__.startswith("mmdet.models.backbones") for base in bases)


MMDET3D = Stack(
    name="mmdet3d",
    list_layers=_list_layers,
    reasons={
        "pts_backbone": "mmdet3d's MinkUNet has a second convolution in its stem",
        "img_backbone": "mmdet has no such network",
        "img_neck": "mmdet3d has BEVFusion only as a project beside the package; --to bevfusion",
        "view_transform": "mmdet3d has no view transform in the package; --to bevfusion",
        "fuser": "a detector of mmdet3d has no fuser",
        "bev_backbone": "a detector of mmdet3d has one backbone of BEV maps, pts_backbone",
        "bev_neck": "a detector of mmdet3d has one neck of BEV maps, pts_neck",
        "map_head": "mmdet3d has no map segmentation",
        "pts_seg_head": "mmdet3d has no such head",
    },
)
