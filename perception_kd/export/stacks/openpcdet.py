"""OpenPCDet: pillars, VoxelBackBone8x and VoxelResBackBone8x, and its BEV backbone."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

import torch
from mmdet3d.models import SECOND, SECONDFPN, PillarFeatureNet, SparseEncoder
from torch import nn

from perception_kd.export.weights.layers import LayerPair, Layouts, is_sparse, same_names
from perception_kd.export.weights.layouts import DECONV, SPCONV1, SPCONV2, Layout
from perception_kd.export.weights.stack import Stack, StateDict

# Channels of the stages and paddings of the strided convolutions of its two encoders.
_VOXEL = (((16,), (32, 32, 32), (64, 64, 64), (64, 64, 64)), ("2.0.0", "3.0.0", "4.0.0"))
_RESIDUAL = (((16, 16, 32), (32, 32, 64), (64, 64, 128), (128, 128)), ("1.2.0", "2.2.0", "3.2.0"))
_ENCODERS = {"conv_module": _VOXEL, "basicblock": _RESIDUAL}
_PADDINGS = ((1, 1, 1), (1, 1, 1), (0, 1, 1))
# Convolutions of residual blocks, which have a bias there although a norm follows.
_IN_BLOCK = re.compile(r"(backbone_3d\.conv\d\.\d)\.conv(\d)\.(weight|bias)")
_EPS = 1e-3


def _list_layers(model: nn.Module, sparse: Layout = SPCONV2) -> Iterator[LayerPair]:
    yield from pair_pillar_encoder(model)
    yield from pair_sparse_encoder(model, "backbone_3d.", sparse)
    if isinstance(getattr(model, "pts_backbone", None), SECOND):
        yield from _pair_second(cast(nn.Module, model.pts_backbone))
    if isinstance(getattr(model, "pts_neck", None), SECONDFPN):
        yield from same_names(model, "pts_neck", "backbone_2d", _neck_layouts)


def pair_pillar_encoder(model: nn.Module) -> Iterator[LayerPair]:
    """Pair the layers of a PillarFeatureNet, if its features are those of PillarVFE."""
    encoder = getattr(model, "pts_voxel_encoder", None)
    if not isinstance(encoder, PillarFeatureNet):
        return
    settings = cast(Any, encoder)
    both = settings._with_cluster_center and settings._with_voxel_center
    if both and not settings.legacy:
        yield from same_names(model, "pts_voxel_encoder", "vfe")


def pair_sparse_encoder(
    model: nn.Module, theirs: str, sparse: Layout = SPCONV2
) -> Iterator[LayerPair]:
    """Pair the layers of a SparseEncoder that is one of OpenPCDet's two.

    Args:
        model: Model with the encoder as ``pts_middle_encoder``; another one has no
            layers.
        theirs: What precedes their names, with its dot.
        sparse: Layout of their sparse kernels; both of spconv are read.
    """
    encoder = getattr(model, "pts_middle_encoder", None)
    if not isinstance(encoder, SparseEncoder) or not _is_published(encoder):
        return
    residual = any(".conv1." in name for name in encoder.state_dict())

    def layouts(layer: nn.Module) -> Layouts:
        return {"weight": sparse} if is_sparse(layer) else {}

    for pair in same_names(model, "pts_middle_encoder", "", layouts):
        name = pair.theirs.removeprefix(".")
        stage = re.fullmatch(r"encoder_layers\.encoder_layer(\d)\.(\d)\.(.+)", name)
        if stage is not None:
            number, index, rest = int(stage[1]), int(stage[2]), stage[3]
            if residual:
                # A stage there begins with the strided convolution that ends ours.
                number, index = (number + 1, 0) if index == 2 else (number, index + (number > 1))
            name = f"conv{number}.{index}.{rest}"
        yield LayerPair(pair.ours, f"{theirs}{name}", pair.layouts)


def _list_spconv1_layers(model: nn.Module) -> Iterator[LayerPair]:
    yield from _list_layers(model, SPCONV1)


def _is_published(encoder: nn.Module) -> bool:
    settings = cast(Any, encoder)
    residual = any(".conv1." in name for name in encoder.state_dict())
    channels, strided = _ENCODERS["basicblock" if residual else "conv_module"]
    widths = (settings.base_channels, settings.output_channels)
    if tuple(map(tuple, settings.encoder_channels)) != channels or widths != (16, 128):
        return False
    layers = (
        cast(Any, encoder.get_submodule(f"encoder_layers.encoder_layer{name}")) for name in strided
    )
    return tuple(tuple(layer.padding) for layer in layers) == _PADDINGS


def _pair_second(backbone: nn.Module) -> Iterator[LayerPair]:
    for number, block in enumerate(cast(Any, backbone).blocks):
        for index, layer in enumerate(block):
            if layer.state_dict():
                # Each block begins with a layer that pads.
                name = f"backbone_2d.blocks.{number}.{index + 1}"
                yield LayerPair(f"pts_backbone.blocks.{number}.{index}", name)


def _neck_layouts(layer: nn.Module) -> Layouts:
    is_plain = isinstance(layer, nn.Conv2d) and layer.kernel_size == (1, 1)
    return {"weight": DECONV} if is_plain else {}


def _add_biases(state: StateDict) -> StateDict:
    """Add the biases of residual blocks, which are zero."""
    added = {
        f"{found[1]}.conv{found[2]}.bias": torch.zeros_like(state[f"{found[1]}.bn{found[2]}.bias"])
        for name in state
        if (found := _IN_BLOCK.fullmatch(name)) and found[3] == "weight"
    }
    return {**state, **added}


def _fold_biases(state: StateDict) -> StateDict:
    """Move the biases of residual blocks into the means of the norms that follow."""
    folded = dict(state)
    for name in state:
        found = _IN_BLOCK.search(name)
        if found is None or found[3] != "bias":
            continue
        mean = f"{name[: found.start()]}{found[1]}.bn{found[2]}.running_mean"
        if mean in folded:
            folded[mean] = folded[mean] - folded.pop(name)
    return folded


OPENPCDET = Stack(
    name="openpcdet",
    list_layers=_list_layers,
    reasons={
        "pts_voxel_encoder": "PillarVFE reads points with their offsets from the mean and from the "
        "center of their pillar",
        "pts_middle_encoder": "OpenPCDet's encoders are VoxelBackBone8x and VoxelResBackBone8x, of "
        "these channels and paddings only",
        "pts_backbone": "OpenPCDet has no MinkUNet of SLidR",
        "pts_bbox_head": "its heads have another order of outputs",
        "pts_seg_head": "OpenPCDet has no segmentation",
        "img_backbone": "its camera networks are not supported; --to bevfusion",
        "img_neck": "its camera networks are not supported; --to bevfusion",
        "view_transform": "its camera networks are not supported; --to bevfusion",
    },
    pack=lambda state: {"model_state": state},
    complete=_add_biases,
    simplify=_fold_biases,
    norm_eps={"": _EPS},
)
OPENPCDET_SPCONV1 = replace(OPENPCDET, list_layers=_list_spconv1_layers)
