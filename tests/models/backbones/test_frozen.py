"""A frozen backbone neither learns nor drifts, and its chunks do not matter."""

import pytest
import torch
from torch import Tensor, nn

from perception_kd.models.backbones import FrozenBackbone
from perception_kd.registry import MODELS


class TinyBackbone(nn.Module):
    """One convolution with batch norm and dropout, which both betray training mode."""

    out_channels = 8
    stride = 2
    cell_offset = 0.0
    mean = (1.0, 2.0, 3.0)
    std = (4.0, 5.0, 6.0)

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.dropout = nn.Dropout(0.5)
        self.batch_sizes: list[int] = []

    def forward(self, imgs: Tensor) -> Tensor:
        """Return the map, and note how many images came."""
        self.batch_sizes.append(len(imgs))
        return self.dropout(self.norm(self.conv(imgs)))


class Student(nn.Module):
    """A frozen backbone with a trained layer."""

    def __init__(self) -> None:
        super().__init__()
        self.img_backbone = FrozenBackbone(TinyBackbone())
        self.img_head = nn.Conv2d(8, 4, 1)


def test_training_mode_changes_no_buffer_and_no_result() -> None:
    student = Student()
    imgs = torch.randn(2, 3, 8, 8) + 5
    before = {name: value.clone() for name, value in student.img_backbone.state_dict().items()}
    expected = student.eval().img_backbone(imgs)

    student.train()
    result = student.img_backbone(imgs)

    assert student.img_head.training
    assert not any(module.training for module in student.img_backbone.modules())
    assert torch.equal(result, expected)
    after = student.img_backbone.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())


def test_the_frozen_map_has_no_graph_but_the_head_has_one() -> None:
    student = Student().train()
    feats = student.img_backbone(torch.randn(1, 3, 8, 8, requires_grad=True))
    assert not feats.requires_grad
    student.img_head(feats).sum().backward()
    assert student.img_head.weight.grad is not None
    assert not any(parameter.requires_grad for parameter in student.img_backbone.parameters())


@pytest.mark.parametrize(("chunk_size", "batches"), [(1, [1] * 5), (2, [2, 2, 1]), (9, [5])])
def test_chunks_give_the_same_map(chunk_size: int, batches: list[int]) -> None:
    network = TinyBackbone()
    imgs = torch.randn(5, 3, 8, 10)
    whole = FrozenBackbone(network)(imgs)
    network.batch_sizes.clear()
    chunked = FrozenBackbone(network, max_views_per_forward=chunk_size)(imgs)
    assert network.batch_sizes == batches
    torch.testing.assert_close(chunked, whole)


@pytest.mark.parametrize("chunk_size", [None, 2])
def test_bfloat16_inside_float32_outside(chunk_size: int | None) -> None:
    network = TinyBackbone()
    imgs = torch.randn(3, 3, 8, 8)
    exact = FrozenBackbone(network)(imgs)
    rounded = FrozenBackbone(network, chunk_size, amp_dtype="bfloat16")(imgs)
    assert rounded.dtype == torch.float32
    torch.testing.assert_close(rounded, exact, rtol=0.05, atol=0.05)
    assert not torch.equal(rounded, exact)


def test_an_outer_autocast_does_not_reach_the_network() -> None:
    frozen = FrozenBackbone(TinyBackbone())
    imgs = torch.randn(2, 3, 8, 8)
    exact = frozen(imgs)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(frozen(imgs), exact)


def test_the_memory_format_changes_no_value() -> None:
    network = TinyBackbone()
    imgs = torch.randn(2, 3, 8, 8)
    expected = FrozenBackbone(network)(imgs)
    result = FrozenBackbone(network, channels_last=True)(imgs)
    torch.testing.assert_close(result, expected)


def test_takes_the_last_map_of_a_tuple() -> None:
    class TwoMaps(TinyBackbone):
        def forward(self, imgs: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
            return imgs, 2 * imgs

    imgs = torch.randn(2, 3, 8, 8)
    assert torch.equal(FrozenBackbone(TwoMaps())(imgs), 2 * imgs)


def test_passes_on_what_the_backbone_declares() -> None:
    frozen = FrozenBackbone(TinyBackbone())
    assert (frozen.out_channels, frozen.stride, frozen.cell_offset) == (8, 2, 0.0)
    assert (frozen.mean, frozen.std) == ((1.0, 2.0, 3.0), (4.0, 5.0, 6.0))


def test_rejects_other_settings() -> None:
    with pytest.raises(ValueError, match="max_views_per_forward must be positive, but got 0"):
        FrozenBackbone(TinyBackbone(), max_views_per_forward=0)
    with pytest.raises(ValueError, match=r'amp_dtype must be "bfloat16", .*but got "int8"'):
        FrozenBackbone(TinyBackbone(), amp_dtype="int8")


def test_is_built_from_a_config() -> None:
    config = dict(type="FrozenBackbone", backbone=dict(type="DilatedResNet", depth=18))
    assert MODELS.build(config).out_channels == 512
