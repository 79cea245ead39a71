"""Exported names and shapes against those that the other stacks publish."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from mmdet.models.backbones import SwinTransformer
from torch import Tensor

from perception_kd.export.stacks import STACKS, with_spconv
from perception_kd.export.stacks.pointcept import find_minkunet
from perception_kd.export.weights.layouts import swap_xz
from perception_kd.export.weights.stack import Stack
from perception_kd.export.weights.translation import translate_from, translate_to
from perception_kd.models.backbones.minkunet import MinkUNet
from tests.api.conftest import randomize
from tests.export import published
from tests.export.networks import (
    DETECTION,
    FUSION,
    MAPS,
    MINKUNET,
    PILLARS,
    RAD,
    SEGMENTATION,
    SMALL_MINKUNET,
    VOXELNET,
    VOXELS,
    build,
    shapes,
)

FILE = Path("weights.pth")
HEAD = "pts_bbox_head."


def translate(name: str, stack: Stack, *leave_out: str) -> dict[str, Tensor]:
    return translate_to(build(name), stack, leave_out).state


def test_pillars_have_the_names_and_shapes_of_openpcdet() -> None:
    assert shapes(translate(PILLARS, STACKS["openpcdet"])) == published.openpcdet_pillars()


@pytest.mark.parametrize("spconv", [1, 2])
def test_residual_voxels_have_those_of_openpcdet(spconv: int) -> None:
    stack = with_spconv(STACKS["openpcdet"], spconv)
    found = shapes(translate(VOXELS, stack))
    assert found == published.openpcdet_residual(spconv=spconv)


def test_plain_voxels_have_those_of_openpcdet_and_slidr() -> None:
    expected = published.plain_encoder(in_channels=4)
    assert shapes(translate(VOXELNET, STACKS["slidr"])) == expected
    theirs = {f"backbone_3d.{name}": shape for name, shape in expected.items()}
    assert shapes(translate(VOXELNET, STACKS["openpcdet"])) == theirs


def test_voxels_have_the_names_and_shapes_of_bevfusion() -> None:
    assert shapes(translate(DETECTION, STACKS["bevfusion"], HEAD)) == published.bevfusion_lidar()


def test_cameras_have_the_names_of_bevfusion() -> None:
    found = translate(RAD, STACKS["bevfusion"], "pts_")
    backbone = "encoders.camera.backbone."
    others = {name: value for name, value in found.items() if not name.startswith(backbone)}
    assert shapes(others) == published.bevfusion_camera()
    # Its Swin-T is mmdet's, whose last three stages are read.
    theirs = SwinTransformer(out_indices=(1, 2, 3)).state_dict()
    of_backbone = {name.removeprefix(backbone) for name in found if name.startswith(backbone)}
    assert of_backbone == theirs.keys()
    assert all(found[backbone + name].shape == value.shape for name, value in theirs.items())
    own = build(RAD).state_dict()
    kernel = found["encoders.camera.vtransform.downsample.3.weight"]
    assert torch.equal(kernel, own["view_transform.downsample.3.weight"].mT)
    name = "stages.0.blocks.0.attn.w_msa.qkv.weight"
    assert torch.equal(found[f"encoders.camera.backbone.{name}"], own[f"img_backbone.{name}"])


def test_a_fuser_has_the_names_and_shapes_of_bevfusion() -> None:
    found = translate(FUSION, STACKS["bevfusion"], "pts_", "img_", "bev_")
    fuser = {name: value for name, value in found.items() if name.startswith("fuser.")}
    # 80 channels of the cameras, and 384 of the pillars.
    theirs = {"fuser.0.weight": (256, 464, 3, 3), **published.norm("fuser.1", 256)}
    assert shapes(fuser) == theirs
    own = build(FUSION).fuser.state_dict()
    assert torch.equal(fuser["fuser.0.weight"], own["0.weight"].mT)


def test_a_segmentor_has_the_names_and_shapes_of_pointcept() -> None:
    found = shapes(translate(SEGMENTATION, STACKS["pointcept"]))
    theirs = published.minkowski_unet(stem=125, classes=found["backbone.final.kernel"][1])
    assert found == {f"backbone.{name}": shape for name, shape in theirs.items()}
    assert find_minkunet(build(SEGMENTATION).pts_backbone) == "MinkUNet34C"


def test_slidr_has_the_names_and_shapes_of_its_own_code() -> None:
    model = build(MINKUNET)
    theirs = published.minkowski_unet(stem=27, classes=64)
    network = {n: s for n, s in theirs.items() if not n.startswith("final.")}
    assert shapes(translate_to(model, STACKS["slidr"]).state) == network


class Holder(torch.nn.Module):
    """A network as the only part of a model."""

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.pts_backbone = network


def level_unet() -> MinkUNet:
    """Return a network whose encoder has the channels of its stem throughout."""
    return randomize(MinkUNet(2, 8, (8, 8), (1, 2), (12, 16), (2, 1)))


def test_a_level_encoder_has_the_names_and_shapes_of_spunet() -> None:
    found = translate_to(Holder(level_unet()), STACKS["pointcept"])
    theirs = published.spunet((8, 8, 12, 16), (1, 2, 2, 1), in_channels=2)
    assert shapes(found.state) == {f"backbone.{name}": shape for name, shape in theirs.items()}
    assert found.notes == (
        "norms have eps=1e-05 here and 0.001 in pointcept: set it there, or results differ "
        "slightly",
    )


def test_kernels_of_x_y_z_compute_the_same_on_x_y_z() -> None:
    network = level_unet().eval()
    swapped = copy.deepcopy(network)
    with torch.no_grad():
        for value in swapped.state_dict().values():
            if value.dim() == 5:
                value.copy_(swap_xz(value).clone())
    generator = torch.Generator().manual_seed(0)
    cells = torch.randperm(8 * 8 * 8, generator=generator)[:90]
    zyx = torch.stack([cells // 64, cells // 8 % 8, cells % 8], dim=1).int()
    feats = torch.rand(90, 2, generator=generator)
    first = torch.zeros(90, 1, dtype=torch.int32)
    with torch.no_grad():
        expected = network(feats, torch.cat([first, zyx], 1), 1, (8, 8, 8))
        found = swapped(feats, torch.cat([first, zyx.flip(1)], 1), 1, (8, 8, 8))
    assert expected.std() > 0
    torch.testing.assert_close(found, expected)


def test_a_decoder_of_bevfusion_computes_the_transposed_map() -> None:
    model = build(DETECTION)
    found = translate(DETECTION, STACKS["bevfusion"], HEAD)
    there = copy.deepcopy(torch.nn.ModuleDict({"b": model.pts_backbone, "n": model.pts_neck}))
    names = {"decoder.backbone.": "b.", "decoder.neck.": "n."}
    there.load_state_dict(
        {
            ours + name.removeprefix(theirs): value
            for theirs, ours in names.items()
            for name, value in found.items()
            if name.startswith(theirs)
        }
    )
    bev = torch.rand(1, 256, 8, 16, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = model.pts_neck(model.pts_backbone(bev))[0]
        transposed = there["n"](there["b"](bev.mT))[0]
    assert expected.std() > 0
    torch.testing.assert_close(transposed.mT, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "stack"),
    [
        (PILLARS, "mmdet3d"),
        (PILLARS, "openpcdet"),
        (VOXELS, "mmdet3d"),
        (VOXELS, "openpcdet"),
        (DETECTION, "mmdet3d"),
        (SEGMENTATION, "pointcept"),
        (MINKUNET, "slidr"),
    ],
)
def test_there_and_back_is_the_same_network(name: str, stack: str) -> None:
    model = build(name)
    there = translate_to(model, STACKS[stack])
    # As a wrapper for several processes has the names.
    wrapped = {f"module.{key}": value for key, value in there.state.items()}
    back = translate_from(wrapped, model, STACKS[stack], FILE)
    own = model.state_dict()
    assert {ours for _, ours in back.pairs} == {ours for ours, _ in there.pairs}
    assert all(torch.equal(value, own[key]) for key, value in back.state.items())


def test_biases_before_norms_are_folded_into_them() -> None:
    model = build(VOXELS)
    stack = STACKS["openpcdet"]
    theirs = translate_to(model, stack).state
    name = "backbone_3d.conv2.1"
    assert theirs[f"{name}.conv1.bias"].abs().max() == 0
    theirs[f"{name}.conv1.bias"] += 0.25
    back = translate_from(theirs, model, stack, FILE).state
    mean = "pts_middle_encoder.encoder_layers.encoder_layer2.0.bn1.running_mean"
    # norm(x + b) with mean m is norm(x) with mean m - b.
    torch.testing.assert_close(back[mean], model.state_dict()[mean] - 0.25)


@pytest.mark.parametrize(
    ("name", "stack", "message"),
    [
        (SMALL_MINKUNET, "pointcept", "have no place in pointcept. pts_backbone: Pointcept's Mink"),
        (
            MINKUNET,
            "mmdet3d",
            "MinkUNet has a second .* and 366 more. Nothing is left. Write a mod",
        ),
        (MINKUNET, "openpcdet", "OpenPCDet has no MinkUNet of SLidR; 372 tensors"),
        (PILLARS, "bevfusion", "pillars have no height .* --leave-out pts_voxel_encoder."),
        (RAD, "mmdet3d", r"44 tensors .* img_neck: .* view_transform: .* img_neck. view_transform"),
        (SEGMENTATION, "slidr", "pts_seg_head: it has no such part; 2 tensors: pts_seg_head.proj"),
    ],
)
def test_what_has_no_place_is_refused_by_name(name: str, stack: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        translate_to(build(name), STACKS[stack])


def test_leaving_all_out_or_nothing_known_is_refused() -> None:
    with pytest.raises(ValueError, match="Nothing of the PointRegionContrast has a place"):
        translate_to(build(PILLARS), STACKS["mmdet3d"], ["pts_"])
    with pytest.raises(ValueError, match='no tensor begins with "pts_head"; the parts are pts_vox'):
        translate_to(build(PILLARS), STACKS["mmdet3d"], ["pts_head"])


def test_other_pillars_and_paddings_are_not_those_of_openpcdet() -> None:
    model: Any = copy.deepcopy(build(PILLARS))
    model.pts_voxel_encoder.legacy = True
    with pytest.raises(ValueError, match="PillarVFE reads points with"):
        translate_to(model, STACKS["openpcdet"])
    model = copy.deepcopy(build(VOXELS))
    model.pts_middle_encoder.encoder_layers.encoder_layer3[2][0].padding = [1, 1, 1]
    with pytest.raises(ValueError, match="of these channels and paddings only"):
        translate_to(model, STACKS["openpcdet"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vfe.pfn_layers.0.linear.weight": None}, "lacks 1 of 120 tensors .*vfe.pfn_layers.0.lin"),
        (
            {"vfe.pfn_layers.0.linear.weight": torch.zeros(64, 10)},
            r"another shape .* \(64, 10\) for pts_voxel_encoder.pfn_layers.0.linear.weight \(64",
        ),
    ],
)
def test_foreign_weights_that_do_not_fit_are_refused(change: Any, message: str) -> None:
    model = build(PILLARS)
    theirs = {**translate_to(model, STACKS["openpcdet"]).state, **change}
    theirs = {name: value for name, value in theirs.items() if value is not None}
    with pytest.raises(ValueError, match=message):
        translate_from(theirs, model, STACKS["openpcdet"], FILE)


def test_only_openpcdet_has_a_choice_of_layouts() -> None:
    with pytest.raises(ValueError, match="mmdet3d reads files in the layout of spconv 1"):
        with_spconv(STACKS["mmdet3d"], 2)
    with pytest.raises(ValueError, match="pointcept has no choice"):
        with_spconv(STACKS["pointcept"], 1)


def test_a_map_head_of_bevfusion_classifies_the_transposed_map() -> None:
    model = build(MAPS)
    found = translate(MAPS, STACKS["bevfusion"], "pts_voxel_encoder.")
    theirs = {name for name in found if name.startswith("heads.")}
    # Layers 0, 1, 3, 4 and 6 of BEVSegmentationHead: convolutions and their norms.
    assert {name.split(".")[3] for name in theirs} == {"0", "1", "3", "4", "6"}
    assert all(name.startswith("heads.map.classifier.") for name in theirs)
    there = copy.deepcopy(model.map_head.classifier)
    there.load_state_dict({n.removeprefix("heads.map.classifier."): found[n] for n in theirs})
    channels = there[0].in_channels
    bev = torch.rand(1, channels, 6, 9, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected, transposed = model.map_head.classifier(bev), there(bev.mT.contiguous())
    torch.testing.assert_close(transposed.mT, expected, rtol=1e-4, atol=1e-4)
