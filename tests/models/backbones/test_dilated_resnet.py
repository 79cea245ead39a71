"""Dilations against torchvision's, and against the strided network they stand for."""

import pytest
import torch
from torch import nn

from perception_kd.models.backbones import DilatedResNet
from perception_kd.registry import MODELS


def spacings(network: DilatedResNet) -> dict[str, int]:
    """Return the dilation of every 3x3 convolution, with padding and stride checked."""
    found = {}
    for name, conv in network.named_modules():
        if name.startswith("layer") and isinstance(conv, nn.Conv2d):
            assert conv.stride == (1, 1), name
            if conv.kernel_size == (3, 3):
                assert conv.dilation == conv.padding, name
                found[name.removesuffix(".conv2")] = conv.dilation[0]
    return found


def test_every_dilation_of_resnet50_is_torchvisions() -> None:
    # From torchvision's _make_layer: its first block takes previous_dilation, the
    # others the dilation after the stage's stride was multiplied in.
    assert spacings(DilatedResNet(50, out_stride=4)) == {
        "layer1.0": 1, "layer1.1": 1, "layer1.2": 1,
        "layer2.0": 1, "layer2.1": 2, "layer2.2": 2, "layer2.3": 2,
        "layer3.0": 2, "layer3.1": 4, "layer3.2": 4, "layer3.3": 4, "layer3.4": 4, "layer3.5": 4,
        "layer4.0": 4, "layer4.1": 8, "layer4.2": 8,
    }  # fmt: skip


@pytest.mark.parametrize("depth", [18, 34, 50])
@pytest.mark.parametrize("out_stride", [4, 8, 16])
def test_the_strided_map_is_every_nth_cell_of_the_dilated(depth: int, out_stride: int) -> None:
    # The reason for the rule: no weight reads other pixels than in training. Sizes are
    # no multiples of the stride, so padding is part of the claim.
    strided = DilatedResNet(depth, out_stride=32).double().eval()
    dilated = DilatedResNet(depth, out_stride=out_stride).double().eval()
    dilated.load_state_dict(strided.state_dict())
    imgs = torch.randn(1, 3, 75, 98, dtype=torch.float64)
    step = 32 // out_stride
    with torch.no_grad():
        torch.testing.assert_close(dilated(imgs)[..., ::step, ::step], strided(imgs))


@pytest.mark.parametrize(
    ("depth", "out_stride", "shape"),
    [(50, 4, (2048, 17, 25)), (50, 32, (2048, 3, 4)), (18, 8, (512, 9, 13)), (34, 16, (512, 5, 7))],
)
def test_the_map_has_the_declared_channels_and_stride(
    depth: int, out_stride: int, shape: tuple[int, int, int]
) -> None:
    network = DilatedResNet(depth, out_stride).eval()
    with torch.no_grad():
        assert network(torch.zeros(2, 3, 66, 99)).shape == (2, *shape)
    assert (network.out_channels, network.stride) == (shape[0], out_stride)


def test_convention_cell_zero_is_centered_on_pixel_zero() -> None:
    # With equal weights a cell weighs pixels by their place in its window alone, and
    # every window is symmetric: that of cell (5, 5) at stride 4 about pixel (20, 20).
    network = DilatedResNet(18, out_stride=4).double().eval()
    for parameter in network.parameters():
        nn.init.constant_(parameter, 0.01)
    imgs = torch.ones(1, 3, 41, 41, dtype=torch.float64, requires_grad=True)
    network(imgs)[0, 0, 5, 5].backward()
    assert imgs.grad is not None
    seen = imgs.grad[0, 0]
    assert network.cell_offset == 0
    torch.testing.assert_close(seen, seen.flip(0, 1))
    assert seen.abs().sum() > 0


def test_parameter_names_are_torchvisions() -> None:
    names = set(DilatedResNet(50).state_dict())
    assert len(names) == 318  # torchvision's 320 without fc.weight and fc.bias
    assert {"conv1.weight", "bn1.running_var", "layer1.0.downsample.0.weight"} <= names
    assert {"layer4.2.conv3.weight", "layer4.2.bn3.num_batches_tracked"} <= names


def test_mmengines_initialization_keeps_the_weights() -> None:
    network = DilatedResNet(18)
    before = network.conv1.weight.clone()
    network.init_weights()
    assert torch.equal(network.conv1.weight, before)


def test_changing_the_mode_returns_the_network() -> None:
    network = DilatedResNet(18)
    assert network.train() is network
    assert network.eval() is network
    assert not network.training


@pytest.mark.parametrize(
    ("depth", "out_stride", "message"),
    [
        (101, 4, "depth must be 18, 34 or 50, but got 101"),
        (50, 2, "out_stride must be 4, 8, 16 or 32, but got 2"),
    ],
)
def test_rejects_other_settings(depth: int, out_stride: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DilatedResNet(depth, out_stride)


def test_is_built_from_a_config() -> None:
    assert MODELS.build(dict(type="DilatedResNet", depth=18, out_stride=32)).stride == 32
