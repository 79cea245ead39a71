"""Learning rates of a head and a backbone, and keys that match nothing."""

from collections import OrderedDict
from typing import Any

import pytest
from mmengine.optim import CosineAnnealingLR, build_optim_wrapper
from mmengine.registry import init_default_scope
from torch import nn

from perception_kd.engine.run.optim_wrapper_constructor import CheckedOptimWrapperConstructor
from perception_kd.registry import OPTIM_WRAPPER_CONSTRUCTORS


def make_model() -> nn.Module:
    parts = dict(pts_backbone=nn.Linear(3, 4), pts_seg_head=nn.Linear(4, 2))
    return nn.Sequential(OrderedDict(parts))


def build(custom_keys: dict[str, Any]) -> Any:
    init_default_scope("perception_kd")
    settings = dict(
        type="OptimWrapper",
        optimizer=dict(type="SGD", lr=0.02, weight_decay=1e-4),
        paramwise_cfg=dict(custom_keys=custom_keys),
    )
    return build_optim_wrapper(make_model(), settings)


def test_a_cosine_keeps_the_rates_of_keys_apart() -> None:
    optimizer = build(dict(pts_seg_head=dict(lr_mult=100.0))).optimizer
    sizes = [group["params"][0].numel() for group in optimizer.param_groups]
    assert sizes == [12, 4, 8, 2]  # weight and bias of the backbone, then of the head
    scheduler = CosineAnnealingLR(optimizer, T_max=10, by_epoch=True)
    for epoch in range(10):
        rates = [group["lr"] for group in optimizer.param_groups]
        assert rates[0] == rates[1] < 0.02 or epoch == 0
        assert rates[2:] == pytest.approx([100 * rates[0]] * 2)
        optimizer.step()
        scheduler.step()


def test_a_key_without_a_parameter_is_an_error() -> None:
    with pytest.raises(
        ValueError, match=r"contains 'decode_head'; .* parts are pts_backbone, pts_seg"
    ):
        build(dict(pts_seg_head=dict(lr_mult=2.0), decode_head=dict(lr_mult=10.0)))


def test_configs_take_it_by_the_name_of_mmengines() -> None:
    found = OPTIM_WRAPPER_CONSTRUCTORS.get("DefaultOptimWrapperConstructor")
    assert found is CheckedOptimWrapperConstructor
