"""PPKT's loss against its definition in loops."""

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from mmengine.registry import init_default_scope

from perception_kd.models.pretrainers import PixelDistillation
from perception_kd.registry import MODELS
from tests.models.pretrainers.tiny import PRETRAINER, make_inputs


def make_pretrainer(**settings: Any) -> PixelDistillation:
    init_default_scope("perception_kd")
    torch.manual_seed(0)
    return MODELS.build(dict(type="PixelDistillation", **{**PRETRAINER, **settings})).eval()


def samples(*seeds: int) -> list[SimpleNamespace]:
    return [SimpleNamespace(seed=seed) for seed in seeds]


def test_equals_the_definition_in_loops_when_all_pairs_are_drawn() -> None:
    model, inputs = make_pretrainer(), make_inputs()
    points, pixel_feats = model(inputs, mode="tensor")
    pairs = [
        (points.feats[row], pixel_feats[view, :, r, c])
        for row, (view, r, c) in zip(
            inputs["pairing_points"].tolist(), inputs["pairing_images"].tolist(), strict=True
        )
        if row != 0  # out of the voxels' range
    ]
    terms = []
    for i, (point, _) in enumerate(pairs):
        scores = [math.exp(float(point @ pixel) / 0.07) for _, pixel in pairs]
        terms.append(-math.log(scores[i] / sum(scores)))
    losses = model(inputs, samples(1, 2), mode="loss")
    assert losses["loss_contrast"].item() == pytest.approx(sum(terms) / len(terms), rel=1e-5)
    assert losses["num_pairs"] == len(pairs) == 39


def test_the_seeds_of_the_samples_alone_fix_the_draw() -> None:
    model, inputs = make_pretrainer(num_samples=8), make_inputs()
    first, again, other = (
        model(inputs, samples(*seeds), mode="loss") for seeds in ((1, 2), (1, 2), (1, 3))
    )
    assert first["num_pairs"] == 8
    assert first["loss_contrast"] == again["loss_contrast"]
    assert first["loss_contrast"] != other["loss_contrast"]


def test_no_visible_pair_gives_zero_with_a_gradient() -> None:
    model = make_pretrainer().train()
    losses = model(make_inputs(num_pairs=1), samples(1), mode="loss")
    losses["loss_contrast"].backward()
    assert losses["loss_contrast"] == 0
    assert all(p.grad is not None for p in model.parameters() if p.requires_grad)


def test_rejects_a_draw_of_no_pairs() -> None:
    with pytest.raises(ValueError, match="num_samples must be positive, but got 0"):
        make_pretrainer(num_samples=0)
