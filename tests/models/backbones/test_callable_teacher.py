"""Teachers of your own: what is found by trying, and what is refused."""

import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from mmdet.models.backbones import ResNet
from mmengine.registry import init_default_scope
from torch import Tensor, nn

from perception_kd.models.backbones import CallableTeacher, FrozenBackbone
from perception_kd.models.backbones.callable_teacher import try_network
from perception_kd.registry import MODELS

ROOT = Path(__file__).parents[3]


def pooling(stride: int, multiple: int = 1, channels: int = 5) -> Callable[[Tensor], Tensor]:
    """Return a network that averages cells, and takes sides that are multiples."""

    def network(imgs: Tensor) -> Tensor:
        if any(side % multiple for side in imgs.shape[-2:]):
            raise RuntimeError(f"sides must be multiples of {multiple}")
        maps = F.avg_pool2d(imgs, stride, ceil_mode=True)
        return maps.repeat(1, 2, 1, 1)[:, :channels]

    return network


@pytest.mark.parametrize("stride", [1, 4, 8, 14, 16, 32])
@pytest.mark.parametrize("multiple", [1, 2, 14, 32])
def test_stride_channels_and_sizes_are_found(stride: int, multiple: int) -> None:
    found = try_network("m:f", pooling(stride, multiple))
    assert found == (5, stride, multiple)


def test_a_network_that_rounds_down_gets_whole_cells() -> None:
    assert try_network("m:f", nn.Conv2d(3, 7, 16, stride=16)) == (7, 16, 16)


@pytest.mark.parametrize(
    ("network", "reason"),
    [
        (lambda imgs: imgs.mean(dim=(2, 3)), r"it gives the shape \(1, 3\), not \(1, C, h, w\)"),
        (lambda imgs: [imgs], "it gives a list, not a tensor"),
        (lambda imgs: imgs[..., :8, :8], "which do not share a stride"),
        (lambda imgs: imgs.view(1, 3, 224, 224), "RuntimeError: shape"),
    ],
)
def test_what_gives_no_map_is_refused_with_its_reason(network: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=f"The teacher m:f must map images .*{reason}"):
        try_network("m:f", network)


@pytest.fixture
def own_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a module that can be imported as my_nets."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "my_nets.py").write_text(
        "from torch import nn\n"
        "class Net(nn.Sequential):\n"
        "    def __init__(self):\n"
        "        super().__init__(nn.Conv2d(3, 6, 14, stride=14), nn.BatchNorm2d(6))\n"
        "net = Net()\n"
        "def double(imgs):\n"
        "    return 2 * imgs\n"
        "number = 3\n"
    )
    yield "my_nets"
    sys.modules.pop("my_nets", None)


@pytest.mark.parametrize("name", ["Net", "net"])
def test_a_module_is_frozen_and_a_part_of_the_model(name: str, own_module: str) -> None:
    init_default_scope("perception_kd")
    settings = dict(type="CallableTeacher", name=f"{own_module}:{name}")
    frozen: Any = MODELS.build(dict(type="FrozenBackbone", backbone=settings))
    assert isinstance(frozen, FrozenBackbone)
    assert (frozen.out_channels, frozen.stride, frozen.cell_offset) == (6, 14, 6.5)
    assert (frozen.mean, frozen.std) == ((0.0,) * 3, (255.0,) * 3)
    frozen.train()
    assert not any(part.training for part in frozen.modules())
    assert not any(each.requires_grad for each in frozen.parameters())
    assert "backbone.network.0.weight" in frozen.state_dict()
    imgs = torch.rand(2, 3, 30, 45, requires_grad=True)
    feats = frozen(imgs)
    assert feats.shape == (2, 6, math.ceil(30 / 14), math.ceil(45 / 14))
    assert not feats.requires_grad
    network: Any = frozen.backbone.network
    inside = network(imgs[..., :28, :42])
    assert torch.equal(feats[..., :2, :3], inside)


def test_a_function_is_called_with_images_in_0_to_1(own_module: str) -> None:
    teacher = CallableTeacher(f"{own_module}:double")
    imgs = torch.rand(1, 3, 5, 7)
    assert torch.equal(teacher(imgs), 2 * imgs)
    assert (teacher.stride, teacher.multiple, teacher.cell_offset) == (1, 1, 0.0)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("my_nets:missing", "has no attribute 'missing'"),
        ("no_such_module:net", "No module named 'no_such_module'; check the name"),
        ("my_nets:number", "my_nets:number is a <class 'int'>"),
        ("my_nets", "my_nets is a <class 'NoneType'>"),
    ],
)
def test_what_cannot_be_imported_is_named(name: str, message: str, own_module: str) -> None:
    with pytest.raises(ValueError, match=message):
        CallableTeacher(name)


def test_the_teacher_of_the_page_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (ROOT / "docs/your_teacher.md").read_text()
    program = page.split("```python\n")[1].split("```")[0]
    assert len(program.splitlines()) <= 30
    (tmp_path / "my_teacher.py").write_text(program)
    torch.save(ResNet(18).state_dict(), tmp_path / "resnet18.pth")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    try:
        teacher = CallableTeacher("my_teacher:Teacher")
    finally:
        sys.modules.pop("my_teacher", None)
    assert (teacher.out_channels, teacher.stride, teacher.multiple) == (256, 16, 1)
