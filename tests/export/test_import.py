"""tools/import_weights.py on files of the layouts that other stacks publish."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from perception_kd.api.inference.building import build_unloaded_model
from perception_kd.checkpoints.loading import load_pretrained
from perception_kd.engine.run.launch import read_config
from perception_kd.export.stacks import STACKS
from perception_kd.export.weights.translation import translate_to
from tests.api.conftest import randomize
from tests.export import published
from tests.export.networks import DETECTION, MINKUNET, PILLARS, VOXELNET, VOXELS, build
from tests.test_configs import CONFIGS
from tools import import_weights


def draw(shapes: Mapping[str, tuple[int, ...]], prefix: str = "") -> dict[str, Tensor]:
    """Draw a file's tensors."""
    generator = torch.Generator().manual_seed(0)
    return {
        f"{prefix}{name}": torch.rand(shape, generator=generator) + 0.1
        for name, shape in shapes.items()
        if not name.endswith("num_batches_tracked")
    }


def bring_in(content: Any, source: str, config: str, folder: Path, *more: str) -> dict[str, Any]:
    """Write a file, import it, and read the result."""
    torch.save(content, folder / "theirs.pth")
    out = folder / "ours.pth"
    options = ["--from", source, "--config", str(CONFIGS / config), "--out", str(out), *more]
    assert import_weights.main([str(folder / "theirs.pth"), *options]) == 0
    found: dict[str, Any] = torch.load(out, weights_only=True)
    return found


def test_slidrs_minkunet_comes_in_with_its_head(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = draw(published.minkowski_unet(stem=27, classes=64))
    images = {"decoder.0.weight": torch.ones(64, 2048, 1, 1)}
    content = {"model_points": theirs, "model_images": images, "epoch": 50, "config": {"D": 3}}
    found = bring_in(content, "slidr", MINKUNET, tmp_path)["state_dict"]
    network = build(MINKUNET).state_dict()
    wanted = {n for n in network if n.startswith(("pts_backbone.", "pts_head."))}
    assert found.keys() == {n for n in wanted if not n.endswith("num_batches_tracked")}
    assert all(found[name].shape == network[name].shape for name in found)
    # Offset (-1, 0, 1) along (x, y, z) is number 0 + 3 * 1 + 9 * 2 there.
    kernel = found["pts_backbone.encoder.1.1.conv1.weight"]
    assert torch.equal(kernel[:, 2, 1, 0].T, theirs["block2.0.conv1.kernel"][21])
    # Offset (1, 0, 1) of a kernel of size 2 is number 1 + 2 * 0 + 4 * 1.
    up = found["pts_backbone.decoder.3.0.0.weight"]
    assert torch.equal(up[:, 1, 0, 1].T, theirs["convtr7p2s2.kernel"][5])
    mean = found["pts_backbone.decoder.0.1.0.downsample.1.running_mean"]
    assert torch.equal(mean, theirs["block5.0.downsample.1.bn.running_mean"])
    assert torch.equal(found["pts_head.proj.weight"], theirs["final.kernel"].T)
    assert torch.equal(found["pts_head.proj.bias"], theirs["final.bias"][0])
    assert "by the names of SuperpixelDistillation" in capsys.readouterr().out


@pytest.mark.parametrize("spconv", [1, 2])
def test_slidrs_voxelnet_comes_in_of_both_spconvs(
    spconv: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = draw({**published.plain_encoder(4), "final.weight": (64, 1, 1, 1, 128)})
    stored = {
        name: value.movedim(0, -1) if value.dim() == 5 and spconv == 1 else value
        for name, value in theirs.items()
    }
    content = {"model_points": stored, "epoch": 50}
    found = bring_in(content, "slidr", VOXELNET, tmp_path)["state_dict"]
    assert len(found) == 60
    name = "pts_middle_encoder.encoder_layers.encoder_layer3.0.0.weight"
    assert torch.equal(found[name], theirs["conv3.0.0.weight"])
    assert "left out, 1 of the file: final (1)" in capsys.readouterr().out


def test_openpcdets_pillars_come_in(tmp_path: Path) -> None:
    theirs = draw(published.openpcdet_pillars())
    heads = {"dense_head.shared_conv.0.weight": torch.zeros(64, 384, 3, 3)}
    content = {"model_state": {**theirs, **heads}, "epoch": 20, "version": "pcdet+0.6.0"}
    found = bring_in(content, "openpcdet", PILLARS, tmp_path)["state_dict"]
    # A block begins with a layer that pads, which ours does not have.
    kernel = theirs["backbone_2d.blocks.1.4.weight"]
    assert torch.equal(found["pts_backbone.blocks.1.3.weight"], kernel)
    deblock = theirs["backbone_2d.deblocks.1.0.weight"]
    assert torch.equal(found["pts_neck.deblocks.1.0.weight"], deblock.transpose(0, 1))


def test_openpcdets_residual_voxels_come_in_without_a_neck(tmp_path: Path) -> None:
    theirs = draw(published.openpcdet_residual())
    options = ["--leave-out", "pts_backbone.", "pts_neck.", "pts_bbox_head."]
    found = bring_in({"model_state": theirs}, "openpcdet", DETECTION, tmp_path, *options)
    state = found["state_dict"]
    layer = "pts_middle_encoder.encoder_layers.encoder_layer"
    assert torch.equal(state[f"{layer}2.2.0.weight"], theirs["backbone_3d.conv3.0.0.weight"])
    block = theirs["backbone_3d.conv3.2.conv2.weight"]
    assert torch.equal(state[f"{layer}3.1.conv2.weight"], block)
    mean = theirs["backbone_3d.conv1.0.bn1.running_mean"]
    bias = theirs["backbone_3d.conv1.0.conv1.bias"]
    torch.testing.assert_close(state[f"{layer}1.0.bn1.running_mean"], mean - bias)


def test_mmdet3ds_backbones_come_in_and_load(tmp_path: Path) -> None:
    model = build(VOXELS)
    theirs = translate_to(model, STACKS["mmdet3d"]).state
    content = {"state_dict": {**theirs, "pts_bbox_head.shared_conv.conv.weight": torch.ones(2)}}
    found = bring_in(content, "mmdet3d", VOXELS, tmp_path)
    own = model.state_dict()
    assert all(torch.equal(value, own[name]) for name, value in found["state_dict"].items())
    assert found["meta"] == {"imported_from": "mmdet3d: theirs.pth"}
    other = randomize(build_unloaded_model(read_config(CONFIGS / VOXELS).model.to_dict(), VOXELS))
    report = load_pretrained(other, tmp_path / "ours.pth", ignore=["pts_projector."], min_share=1.0)
    assert report.share_loaded == 1.0


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ({"model_points": {}}, [], "has no weights under"),
        ({"model_points": {"a.b": torch.ones(1)}}, [], "lacks 31. of 37. tensors .* it has a.b"),
        (None, [], "No checkpoint at"),
        ({"state_dict": {"a": torch.ones(1)}}, ["--out", "."], "exists; give another --out"),
    ],
)
def test_wrong_files_are_named(
    content: Any,
    options: list[str],
    message: str,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "theirs.pth"
    if content is not None:
        torch.save(content, path)
    config = str(CONFIGS / MINKUNET)
    words = [str(path), "--from", "slidr", "--config", config, "--out", str(tmp_path / "x.pth")]
    assert import_weights.main([*words, *options]) == 2
    # Loggers of tests before may write to streams that are closed.
    lines = capfd.readouterr().err.splitlines()
    (error,) = [line for line in lines if line.startswith("error: ")]
    assert lines[-1] == error
    assert re.search(message, error)
