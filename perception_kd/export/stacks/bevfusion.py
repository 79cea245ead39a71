"""mit-han-lab/bevfusion, whose maps are (X, Y) and whose voxels are (x, y, z)."""

from collections.abc import Iterator

from mmdet3d.models import SECOND, SECONDFPN, SparseEncoder
from torch import nn

from perception_kd.export.weights.layers import LayerPair, Layouts, is_sparse, same_names
from perception_kd.export.weights.layouts import MAP_XY, SPCONV1_XYZ
from perception_kd.export.weights.stack import Stack
from perception_kd.models.backbones.swin_transformer import SwinTransformer
from perception_kd.models.heads.bev_map_head import BEVMapHead
from perception_kd.models.necks import ConvFuser, GeneralizedLSSFPN
from perception_kd.models.view_transforms import LSSViewTransform

# Ours, theirs, and the class that both have; the maps of the first group are images.
_CAMERA: tuple[tuple[str, str, type[nn.Module]], ...] = (
    ("img_backbone", "encoders.camera.backbone", SwinTransformer),
    ("img_neck", "encoders.camera.neck", GeneralizedLSSFPN),
)
_MAPS: tuple[tuple[str, str, type[nn.Module]], ...] = (
    ("fuser", "fuser", ConvFuser),
    ("bev_backbone", "decoder.backbone", SECOND),
    ("bev_neck", "decoder.neck", SECONDFPN),
)
# Both stacks resample the map to the cells of the truth, then classify.
_MAP_HEAD: tuple[tuple[str, str, type[nn.Module]], ...] = (("map_head", "heads.map", BEVMapHead),)
# Without parts after the fusion, those of the LiDAR are the decoder.
_LIDAR_DECODER: tuple[tuple[str, str, type[nn.Module]], ...] = (
    ("pts_backbone", "decoder.backbone", SECOND),
    ("pts_neck", "decoder.neck", SECONDFPN),
)


def _list_layers(model: nn.Module) -> Iterator[LayerPair]:
    for ours, theirs, kind in _CAMERA:
        if isinstance(getattr(model, ours, None), kind):
            yield from same_names(model, ours, theirs)
    if isinstance(getattr(model, "view_transform", None), LSSViewTransform):
        yield from _pair_view_transform(model)
    if isinstance(getattr(model, "pts_middle_encoder", None), SparseEncoder):
        yield from same_names(
            model, "pts_middle_encoder", "encoders.lidar.backbone", _sparse_layouts
        )
    fused = getattr(model, "fuser", None) is not None or _has(model, "bev_backbone")
    for ours, theirs, kind in (_MAPS if fused else _LIDAR_DECODER) + _MAP_HEAD:
        if isinstance(getattr(model, ours, None), kind):
            yield from same_names(model, ours, theirs, _map_layouts)


def _has(model: nn.Module, name: str) -> bool:
    return getattr(model, name, None) is not None


def _pair_view_transform(model: nn.Module) -> Iterator[LayerPair]:
    for pair in same_names(model, "view_transform", "encoders.camera.vtransform"):
        on_map = pair.ours.startswith("view_transform.downsample.")
        layouts = _map_layouts(model.get_submodule(pair.ours)) if on_map else {}
        yield LayerPair(pair.ours, pair.theirs, layouts)


def _sparse_layouts(layer: nn.Module) -> Layouts:
    return {"weight": SPCONV1_XYZ} if is_sparse(layer) else {}


def _map_layouts(layer: nn.Module) -> Layouts:
    return {"weight": MAP_XY} if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d) else {}


BEVFUSION = Stack(
    name="bevfusion",
    list_layers=_list_layers,
    reasons={
        "pts_voxel_encoder": "its pillars have no height over their center among their features",
        "pts_backbone": "a fusion there has no backbone of the LiDAR's map alone, and no MinkUNet",
        "pts_neck": "a fusion there has no neck of the LiDAR's map alone",
        "img_backbone": "only its Swin Transformer has the names of our image networks",
        "pts_bbox_head": "heads of boxes there have another order of sizes and another yaw",
        "map_head": "only its BEVSegmentationHead has the names of our map heads",
        "pts_seg_head": "it has no LiDAR segmentation",
    },
)
