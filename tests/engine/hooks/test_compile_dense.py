"""Compiled networks: the same results and names, and refusal without any."""

import copy
import io
from typing import Any

import pytest
import torch
from mmengine import Config
from torch import nn

from perception_kd.engine.config.overrides import set_training
from perception_kd.engine.hooks.compile_dense import compile_dense_parts
from perception_kd.models.backbones.frozen import FrozenBackbone


class Model(nn.Module):
    """A frozen network of images, a trained one of BEV maps, and one of points."""

    def __init__(self) -> None:
        super().__init__()
        self.img_backbone = FrozenBackbone(nn.Conv2d(3, 4, 3), max_views_per_forward=1)
        self.bev_backbone = nn.Sequential(nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
        self.bev_neck = None
        self.pts_backbone = nn.Linear(4, 4)

    def forward(self, maps: Any) -> Any:
        """Return a feature per sample."""
        return self.pts_backbone(self.bev_backbone(self.img_backbone(maps)).mean((2, 3)))


@pytest.fixture
def both() -> tuple[Model, Model]:
    torch.manual_seed(0)
    model = Model()
    compiled = copy.deepcopy(model)
    assert compile_dense_parts(compiled, "eager") == ["img_backbone", "bev_backbone"]
    return model, compiled


def is_compiled(module: nn.Module) -> bool:
    return module._compiled_call_impl is not None


def test_a_compiled_network_computes_the_same(both: tuple[Model, Model]) -> None:
    maps = torch.randn(2, 3, 9, 11)
    results = [model(maps) for model in both]
    torch.testing.assert_close(*results)
    for result in results:
        result.square().sum().backward()
    for theirs, ours in zip(*(model.parameters() for model in both), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad)
    # Statistics of norms are updated too.
    for theirs, ours in zip(*(model.buffers() for model in both), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_networks_of_maps_alone_are_compiled(both: tuple[Model, Model]) -> None:
    _, model = both
    assert is_compiled(model.img_backbone.backbone)
    assert is_compiled(model.bev_backbone)
    assert not is_compiled(model.img_backbone)
    assert not is_compiled(model.pts_backbone)


def test_checkpoints_have_the_same_names(both: tuple[Model, Model]) -> None:
    model, compiled = both
    file = io.BytesIO()
    torch.save(compiled.state_dict(), file)
    file.seek(0)
    weights = torch.load(file)
    assert list(weights) == list(model.state_dict())
    model.load_state_dict(weights)


def test_a_model_without_dense_networks_is_refused() -> None:
    model = nn.Module()
    model.pts_backbone = nn.Linear(2, 2)
    with pytest.raises(ValueError, match=r"needs a backbone, neck or fusion.*without --compile"):
        compile_dense_parts(model)


@pytest.mark.parametrize("chosen", [False, True])
def test_the_option_adds_the_hook(chosen: bool) -> None:
    cfg = Config({"custom_hooks": [{"type": "EmptyBatchesHook"}]})
    set_training(cfg, compile_dense=chosen)
    names = [hook.type for hook in cfg.custom_hooks]
    assert names == ["EmptyBatchesHook", "CompileDenseHook"][: 1 + chosen]
