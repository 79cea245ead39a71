"""Convolutions with channels last: the same results, or refusal without any."""

import copy

import pytest
import torch
from mmengine import Config
from torch import nn

from perception_kd.engine.config.overrides import set_training
from perception_kd.engine.hooks.channels_last import store_channels_last


def test_a_network_computes_the_same_in_the_other_format() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(8, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.ConvTranspose2d(16, 8, 2)
    )
    other = copy.deepcopy(network)
    store_channels_last(other)
    maps = torch.randn(2, 8, 9, 11)
    feats, same = network(maps), other(maps)
    assert feats.is_contiguous()
    assert same.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(same, feats, rtol=1e-5, atol=1e-5)
    for result in (feats, same):
        result.square().sum().backward()
    for ours, theirs in zip(other.parameters(), network.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-4, atol=1e-4)
    assert list(other.state_dict()) == list(network.state_dict())


def test_a_model_without_convolutions_is_refused() -> None:
    with pytest.raises(ValueError, match=r"needs 2D convolutions.*without --channels-last"):
        store_channels_last(nn.Linear(2, 2))


@pytest.mark.parametrize("chosen", [False, True])
def test_the_option_adds_the_hook(chosen: bool) -> None:
    cfg = Config({"custom_hooks": [{"type": "EmptyBatchesHook"}]})
    set_training(cfg, channels_last=chosen)
    names = [hook.type for hook in cfg.custom_hooks]
    assert names == ["EmptyBatchesHook", "ChannelsLastHook"][: 1 + chosen]
