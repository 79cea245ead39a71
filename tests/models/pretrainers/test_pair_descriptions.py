"""Descriptions of pairs and superpixels in loops, and losses that use them."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from mmengine.registry import init_default_scope
from torch import Tensor

from perception_kd.models.pretrainers.pair_descriptions import describe_pairs, describe_segments
from perception_kd.registry import MODELS
from tests.models.pretrainers.tiny import PRETRAINER, make_inputs

# Without a projection the student has the channels of the tiny ResNet.
FIXED: dict[str, Any] = dict(
    img_head=dict(type="PixelProjection", out_channels=None),
    pts_head=dict(type="VoxelProjection", in_channels=4, out_channels=512),
)
PLACES = dict(
    pair_weights=dict(type="OtherPlaces", min_distance=1.0),
    loss_contrast=dict(type="InfoNCELoss", excluded="minus_inf"),
)
RECIPES: dict[str, dict[str, Any]] = {
    "cosine": dict(**FIXED, loss_contrast=dict(type="CosineDistanceLoss")),
    "norm": dict(**FIXED, loss_contrast=dict(type="CosineDistanceLoss", form="norm")),
    "tolerant": dict(pair_weights=dict(type="SemanticTolerance")),
    "other places": PLACES,
    "MLP": dict(
        pts_head=dict(type="VoxelProjection", in_channels=4, out_channels=6, hidden_channels=(16,))
    ),
}


def make_model(kind: str, **settings: Any) -> Any:
    init_default_scope("perception_kd")
    torch.manual_seed(0)
    return MODELS.build(dict(type=kind, **{**PRETRAINER, **settings}))


def make_maps() -> Tensor:
    """Make maps of a teacher with a stride of 4 px for the three views."""
    return torch.rand(3, 2, 4, 6, generator=torch.Generator().manual_seed(1))


def test_a_pair_has_the_cell_and_sample_of_its_point() -> None:
    inputs, maps = make_inputs(), make_maps()
    rows = torch.tensor([3, 0, 17])
    scenes = [SimpleNamespace(scene_token="a"), SimpleNamespace(scene_token="a")]
    pairs = describe_pairs(inputs, scenes, maps, rows)  # type: ignore[arg-type]
    clouds = torch.cat(inputs["points"])
    for i, row in enumerate(rows.tolist()):
        view, r, c = inputs["pairing_images"][row].tolist()
        point = int(inputs["pairing_points"][row])
        assert pairs.teacher_feats[i].tolist() == maps[view, :, r // 4, c // 4].tolist()
        assert pairs.positions[i].tolist() == clouds[point, :3].tolist()
        assert pairs.samples[i] == (point >= 60)
    assert pairs.scenes.tolist() == [0, 0, 0]
    alone = describe_pairs(inputs, [], maps, rows)  # type: ignore[arg-type]
    assert alone.scenes.tolist() == alone.samples.tolist()


def test_a_superpixel_has_the_mean_of_its_cells() -> None:
    inputs, maps = make_inputs(), make_maps()
    inputs["superpixels"][0, 5, 5] = 12  # one pixel, in the center of no cell
    inputs["pairing_images"][4] = torch.tensor([0, 5, 5])
    # The view of a pair decides the sample of its superpixel, as in a real batch.
    inputs["pairing_points"] = inputs["pairing_points"] % 60
    inputs["pairing_points"][inputs["pairing_images"][:, 0] == 2] += 60
    view, row, col = inputs["pairing_images"].unbind(dim=1)
    ids = inputs["superpixels"][view, row, col]
    pairs = describe_segments(inputs, [], maps, ids)  # type: ignore[arg-type]
    clouds = torch.cat(inputs["points"])
    seen = sorted({*ids.tolist()} - {-1})
    assert len(seen) == len(pairs.samples)
    for i, superpixel in enumerate(seen):
        cells = [
            maps[v, :, y, x]
            for v in range(3)
            for y in range(4)
            for x in range(6)
            if inputs["superpixels"][v, 4 * y, 4 * x] == superpixel
        ]
        members = [p for p in range(40) if ids[p] == superpixel]
        if not cells:
            cells = [maps[view[p], :, row[p] // 4, col[p] // 4] for p in members]
        expected = clouds[inputs["pairing_points"][members], :3].mean(dim=0)
        torch.testing.assert_close(pairs.teacher_feats[i], torch.stack(cells).mean(dim=0))
        torch.testing.assert_close(pairs.positions[i], expected)
        assert pairs.samples[i] == int(view[members[0]] == 2)
    assert 12 in seen


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("kind", ["SuperpixelDistillation", "PixelDistillation"])
def test_a_recipe_trains_the_student(kind: str, recipe: str) -> None:
    model = make_model(kind, **RECIPES[recipe]).train()
    samples = [SimpleNamespace(seed=i) for i in range(2)]
    loss = model(make_inputs(), samples, mode="loss")["loss_contrast"]
    loss.backward()
    assert loss.item() > 0
    assert all(
        p.grad is not None and p.grad.isfinite().all()
        for p in model.parameters()
        if p.requires_grad
    )


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("kind", ["SuperpixelDistillation", "PixelDistillation"])
def test_a_recipe_without_pairs_gives_zero(kind: str, recipe: str) -> None:
    model = make_model(kind, **RECIPES[recipe]).train()
    inputs = make_inputs(num_pairs=1)  # only that of the far point
    loss = model(inputs, [SimpleNamespace(seed=0)], mode="loss")["loss_contrast"]
    loss.backward()
    assert loss.item() == 0
    assert all(p.grad is not None for p in model.parameters() if p.requires_grad)


def test_weights_reach_the_loss() -> None:
    inputs = make_inputs()
    plain, weighted = (
        make_model("SuperpixelDistillation", **settings).eval()(inputs, mode="loss")
        for settings in ({}, PLACES)
    )
    assert weighted["loss_contrast"] < plain["loss_contrast"]


def test_a_teacher_that_learns_needs_negatives() -> None:
    with pytest.raises(ValueError, match=r"set img_head.out_channels=None.* teacher's 512"):
        make_model("SuperpixelDistillation", loss_contrast=dict(type="CosineDistanceLoss"))


def test_weights_of_pairs_are_of_one_rank() -> None:
    loss = dict(type="InfoNCELoss", gather_negatives=True)
    with pytest.raises(ValueError, match="pair_weights are of the pairs of one rank"):
        make_model(
            "PixelDistillation", loss_contrast=loss, pair_weights=dict(type="SemanticTolerance")
        )
