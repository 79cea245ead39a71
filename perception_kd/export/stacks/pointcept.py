"""Pointcept: MinkUNet with MinkowskiEngine, and SpUNet with spconv."""

from collections.abc import Iterator
from typing import Any, cast

from torch import nn

from perception_kd.export.weights.layers import LayerPair
from perception_kd.export.weights.layouts import MINKOWSKI_BIAS, MINKOWSKI_LINEAR, SPCONV_LINEAR
from perception_kd.export.weights.stack import Stack
from perception_kd.export.weights.unet_names import (
    POINTCEPT_MINKUNET,
    POINTCEPT_SPUNET,
    describe_unet,
    pair_unet,
)
from perception_kd.models.backbones.minkunet import MinkUNet
from perception_kd.models.heads.voxel_projection import VoxelProjection

# Segmentors there hold the network in "backbone".
_PREFIX = "backbone."
_STEM = 32
_ENCODER = (32, 64, 128, 256)
_DECODERS = {
    "": (256, 128, 96, 96),
    "A": (128, 128, 96, 96),
    "B": (128, 128, 128, 128),
    "C": (192, 192, 128, 128),
    "D": (384, 384, 384, 384),
}
_DEPTHS = {14: (1,) * 8, 18: (2,) * 8, 34: (2, 3, 4, 6, 2, 2, 2, 2)}
# Other decoders of MinkUNet34, and letters that a depth does not have.
_DECODERS_34 = {"C": (256, 128, 96, 96), "B": (256, 128, 64, 32)}


def find_minkunet(network: MinkUNet) -> str | None:
    """Return the name of Pointcept's class with the channels and depth of a network."""
    stem, planes, layers = describe_unet(network)
    for depth, blocks in _DEPTHS.items():
        decoders = _DECODERS_34 if depth == 34 else _DECODERS
        for letter, decoder in decoders.items():
            published = depth != 18 or letter != "C"
            if published and (stem, planes, layers) == (_STEM, (*_ENCODER, *decoder), blocks):
                return f"MinkUNet{depth}{letter}"
    return None


def fits_spunet(network: MinkUNet) -> bool:
    """Return whether the stages of SpUNet-v1m1 can have the channels of a network.

    Its strided convolutions change the number of channels, where ours leave that to the
    first block.
    """
    stem, planes, _ = describe_unet(network)
    return set(planes[: network.num_stages]) == {stem}


def _list_layers(model: nn.Module) -> Iterator[LayerPair]:
    network = getattr(model, "pts_backbone", None)
    if not isinstance(network, MinkUNet):
        return
    if find_minkunet(network) is not None:
        yield from pair_unet(network, POINTCEPT_MINKUNET, "pts_backbone.", _PREFIX)
        yield from _pair_classifier(model, minkowski=True)
    elif fits_spunet(network):
        yield from pair_unet(network, POINTCEPT_SPUNET, "pts_backbone.", _PREFIX)
        yield from _pair_classifier(model, minkowski=False)


def _pair_classifier(model: nn.Module, *, minkowski: bool) -> Iterator[LayerPair]:
    head = getattr(model, "pts_seg_head", None)
    if not isinstance(head, VoxelProjection) or cast(Any, head).normalize:
        return
    if head.proj.bias is None or not isinstance(head.norm, nn.Identity):
        return
    if minkowski:
        layouts = {"weight": MINKOWSKI_LINEAR, "bias": MINKOWSKI_BIAS}
        yield LayerPair("pts_seg_head.proj", f"{_PREFIX}final", layouts, {"weight": "kernel"})
    else:
        yield LayerPair("pts_seg_head.proj", f"{_PREFIX}final", {"weight": SPCONV_LINEAR})


POINTCEPT = Stack(
    name="pointcept",
    list_layers=_list_layers,
    reasons={
        "pts_voxel_encoder": "Pointcept has no pillars",
        "pts_middle_encoder": "Pointcept has no detectors of this kind",
        "pts_backbone": "Pointcept's MinkUNet has 32 channels in its stem and the channels and "
        "blocks of its classes; its SpUNet has strided convolutions that change the channels",
        "pts_neck": "Pointcept has no detectors of this kind",
        "pts_seg_head": "its classifier is a plain linear layer with a bias",
    },
    norm_eps={
        **dict.fromkeys((f"{_PREFIX}bn", f"{_PREFIX}block"), 1e-5),
        **{f"{_PREFIX}{name}.": 1e-3 for name in ("conv_input", "down", "up", "enc", "dec")},
    },
)
