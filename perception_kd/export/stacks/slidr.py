"""The code of SLidR: MinkUNet with MinkowskiEngine, and its VoxelNet."""

from collections.abc import Iterator

from torch import nn

from perception_kd.export.stacks.openpcdet import pair_sparse_encoder
from perception_kd.export.weights.layers import LayerPair
from perception_kd.export.weights.layouts import MINKOWSKI_BIAS, MINKOWSKI_LINEAR
from perception_kd.export.weights.stack import Stack
from perception_kd.export.weights.unet_names import SLIDR_UNET, pair_unet
from perception_kd.models.backbones.minkunet import MinkUNet
from perception_kd.models.heads.voxel_projection import VoxelProjection


def _list_layers(model: nn.Module) -> Iterator[LayerPair]:
    yield from pair_sparse_encoder(model, "")
    network = getattr(model, "pts_backbone", None)
    if not isinstance(network, MinkUNet):
        return
    yield from pair_unet(network, SLIDR_UNET, "pts_backbone.", "")
    head = getattr(model, "pts_head", None)
    if isinstance(head, VoxelProjection) and head.proj.bias is not None:
        layouts = {"weight": MINKOWSKI_LINEAR, "bias": MINKOWSKI_BIAS}
        yield LayerPair("pts_head.proj", "final", layouts, {"weight": "kernel"})


SLIDR = Stack(
    name="slidr",
    list_layers=_list_layers,
    reasons={
        "pts_middle_encoder": "SLidR's VoxelNet has the layers of VoxelBackBone8x",
        "pts_backbone": "SLidR's code has MinkUNet and VoxelNet only",
        "pts_neck": "SLidR's code has MinkUNet and VoxelNet only",
        "pts_voxel_encoder": "SLidR's code has MinkUNet and VoxelNet only",
    },
    entries=("model_points", ""),
)
