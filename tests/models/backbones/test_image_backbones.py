"""Image backbones and necks of BEV networks: shapes, and published weights."""

from pathlib import Path
from typing import Any

import pytest
import torch
from mmdet.models.backbones import SwinTransformer as MMDetSwinTransformer
from mmengine.registry import DefaultScope
from torch import nn

from perception_kd.registry import MODELS

SWIN: dict[str, Any] = dict(
    type="SwinTransformer", embed_dims=12, num_heads=(1, 2, 4, 8), window_size=4
)
RESNET: dict[str, Any] = dict(type="mmdet.ResNet", depth=18)


@pytest.fixture(autouse=True)
def _scope() -> Any:
    """Resolve types as the runner does."""
    with DefaultScope.overwrite_default_scope("perception_kd"):
        yield


def publish(network: nn.Module) -> dict[str, torch.Tensor]:
    """Give mmdet's Swin Transformer the names and orders of its authors' file."""
    published = {}
    for name, value in network.state_dict().items():
        name = name.replace("stages.", "layers.").replace("attn.w_msa.", "attn.")
        name = name.replace("ffn.layers.0.0.", "mlp.fc1.").replace("ffn.layers.1.", "mlp.fc2.")
        name = name.replace("patch_embed.projection", "patch_embed.proj")
        if "downsample" in name:
            # mmdet orders (channel, column, row), the authors (column, row, channel)
            # with row and column of a 2x2 patch swapped.
            patches = value.unflatten(-1, (-1, 4))[..., [0, 2, 1, 3]]
            value = patches.transpose(-1, -2).flatten(-2)
        if not name.startswith(("norm0", "norm1", "norm2", "norm3")):
            published[name] = value
    return {**published, "head.weight": torch.zeros(10, 96)}


def test_published_weights_give_the_published_swin_transformer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    torch.manual_seed(0)
    network = MODELS.build(SWIN).eval()
    nn.init.normal_(network.stages[0].downsample.norm.weight)
    torch.save({"model": publish(network)}, tmp_path / "swin.pth")
    init_cfg = dict(type="Pretrained", checkpoint=str(tmp_path / "swin.pth"))
    loaded = MODELS.build({**SWIN, "init_cfg": init_cfg}).eval()
    loaded.init_weights()
    imgs = torch.randn(1, 3, 32, 64)
    with torch.no_grad():
        for ours, expected in zip(loaded(imgs), network(imgs), strict=True):
            torch.testing.assert_close(ours, expected)


def test_a_checkpoint_of_mmdet_loads_as_it_is(tmp_path: Path) -> None:
    network = MODELS.build(SWIN)
    torch.save({"state_dict": network.state_dict()}, tmp_path / "swin.pth")
    init_cfg = dict(type="Pretrained", checkpoint=str(tmp_path / "swin.pth"))
    loaded = MODELS.build({**SWIN, "init_cfg": init_cfg})
    loaded.init_weights()
    for name, value in loaded.state_dict().items():
        assert torch.equal(value, network.state_dict()[name])


def test_published_weights_of_a_resnet_survive_init_weights(
    tmp_path: Path,
) -> None:
    network = MODELS.build(RESNET)
    file = {**network.state_dict(), "fc.weight": torch.zeros(10, 512)}  # as torchvision's
    torch.save(file, tmp_path / "resnet.pth")
    init_cfg = dict(type="Pretrained", checkpoint=str(tmp_path / "resnet.pth"))
    loaded = MODELS.build({**RESNET, "init_cfg": init_cfg})
    loaded.init_weights()
    for name, value in loaded.state_dict().items():
        assert torch.equal(value, network.state_dict()[name])


@pytest.mark.parametrize("config", [SWIN, RESNET])
def test_weights_that_do_not_match_or_are_not_there_are_refused(
    config: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "weights.pth"
    network = MODELS.build({**config, "init_cfg": dict(type="Pretrained", checkpoint=str(path))})
    with pytest.raises(FileNotFoundError, match=r"No checkpoint at .* or start from random"):
        network.init_weights()
    torch.save({"other.weight": torch.zeros(3)}, path)
    network = MODELS.build({**config, "init_cfg": dict(type="Pretrained", checkpoint=str(path))})
    with pytest.raises(ValueError, match="checkpoint must hold at least 95% of the parameters"):
        network.init_weights()


def test_without_weights_a_swin_transformer_starts_as_mmdets() -> None:
    network = MODELS.build(SWIN)
    assert isinstance(network, MMDetSwinTransformer)
    network.init_weights()
    linear = network.stages[0].blocks[0].ffn.layers[1]
    assert linear.weight.std().item() == pytest.approx(0.02, rel=0.2)
    assert (linear.bias == 0).all()


@pytest.mark.parametrize(
    ("backbone", "channels"),
    [
        (dict(type="SwinTransformer", out_indices=(1, 2, 3)), (192, 384, 768)),
        (dict(type="mmdet.ResNet", depth=50, out_indices=(1, 2, 3)), (512, 1024, 2048)),
    ],
)
@pytest.mark.parametrize("neck", ["GeneralizedLSSFPN", "mmdet.FPN"])
def test_backbone_and_neck_give_256_channels_at_stride_8(
    backbone: dict[str, Any], channels: tuple[int, ...], neck: str
) -> None:
    config: dict[str, Any] = dict(type=neck, in_channels=list(channels), out_channels=256)
    if neck == "mmdet.FPN":
        config["num_outs"] = 3
    with torch.no_grad():
        levels = MODELS.build(backbone)(torch.randn(1, 3, 64, 96))
        outs = MODELS.build(config).eval()(levels)
    assert [level.shape[1] for level in levels] == list(channels)
    assert outs[0].shape == (1, 256, 8, 12)
    assert outs[1].shape == (1, 256, 4, 6)


def test_recomputing_activations_changes_no_gradient() -> None:
    torch.manual_seed(0)
    plain = MODELS.build({**SWIN, "drop_path_rate": 0.0})
    recomputed = MODELS.build({**SWIN, "drop_path_rate": 0.0, "with_cp": True})
    recomputed.load_state_dict(plain.state_dict())
    imgs = torch.randn(1, 3, 32, 64)
    for network in (plain, recomputed):
        sum(level.square().mean() for level in network(imgs)).backward()
    for ours, expected in zip(recomputed.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, expected.grad)
