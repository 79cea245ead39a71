"""PRC against its definition from maps to losses, and what data can do to it."""

import copy
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from mmengine.registry import init_default_scope

from perception_kd.models.losses import info_nce, region_contrast
from perception_kd.models.pretrainers import PointRegionContrast
from perception_kd.registry import MODELS
from tests.models.pretrainers.tiny_bev import (
    GRID,
    PLRC,
    RAPC,
    make_batch,
    read_by_hand,
    sample_points,
)
from tests.models.small_networks import PILLARS, VOXELNET

PRETRAINER: dict[str, Any] = dict(
    type="PointRegionContrast",
    **PILLARS,
    pts_projector=dict(type="FeatureProjector", in_channels=12, hidden_channels=(16,)),
    grid=GRID,
    loss_plrc=PLRC,
    loss_rapc=RAPC,
)
ON_VOXELS: dict[str, Any] = dict(
    **{**VOXELNET, "pts_backbone": None, "pts_neck": None},
    pts_projector=dict(type="FeatureProjector", in_channels=8, hidden_channels=(16,)),
    grid={**GRID, "cell_size": 0.8},
)
POINT_CONTRAST: dict[str, Any] = dict(
    alpha=0.0,
    loss_rapc=dict(
        type="RegionContrastLoss",
        temperature=0.07,
        positives="point",
        semantic_less_anchors=True,
        symmetric=False,
        scope="batch",
    ),
)


def make_pretrainer(**settings: Any) -> PointRegionContrast:
    init_default_scope("perception_kd")
    torch.manual_seed(0)
    return MODELS.build(copy.deepcopy({**PRETRAINER, **settings})).eval()


@pytest.mark.parametrize("network", [{}, ON_VOXELS], ids=["PointPillars", "VoxelNet"])
@torch.no_grad()
def test_equals_the_definition_from_maps_to_losses(network: dict[str, Any]) -> None:
    model = make_pretrainer(alpha=0.3, **network)
    inputs = make_batch()
    plrc: list[torch.Tensor] = []
    rapc: list[torch.Tensor] = []
    for b, rows in enumerate(inputs["sampled_points"]):
        embedded = []
        for view in inputs["cloud_views"]:
            bev = model.extract_pts_bev(view)[b]
            feats = [read_by_hand(bev, view[b][row], model.grid.cell_size) for row in rows]
            embedded.append(F.normalize(model.pts_projector.layers(torch.stack(feats)), dim=1))
        ids = inputs["region_ids"][b][rows]
        assert (ids >= 0).sum() == 24
        assert len(rows) == 40
        query, key = embedded
        for terms, switches in (
            (plrc, dict(positives="region")),
            (rapc, dict(positives="point", same_region_negatives=False, region_normalize=True)),
        ):
            both = [
                region_contrast(*side, ids, 0.1, point_ids=rows, **switches)
                for side in ((query, key), (key, query))
            ]
            terms.append((both[0] + both[1]) / 2)
    losses = model(inputs, mode="loss")
    torch.testing.assert_close(losses["loss_plrc"], 0.3 * torch.stack(plrc).mean())
    torch.testing.assert_close(losses["loss_rapc"], 0.7 * torch.stack(rapc).mean())
    assert (losses["num_region_points"], losses["num_background_points"]) == (48, 32)
    assert 4 <= losses["num_regions"] <= 16


@pytest.mark.parametrize(("alpha", "left"), [(0.0, "loss_rapc"), (1.0, "loss_plrc")])
def test_a_term_without_weight_is_left_out(alpha: float, left: str) -> None:
    inputs = make_batch()
    found = make_pretrainer(alpha=alpha)(inputs, mode="loss")
    assert [name for name in found if "loss" in name] == [left]
    both = make_pretrainer()(inputs, mode="loss")
    torch.testing.assert_close(found[left], 2 * both[left])


@torch.no_grad()
def test_point_contrast_is_info_nce_of_points_drawn_anywhere() -> None:
    model = make_pretrainer(**POINT_CONTRAST)
    inputs = make_batch(regions=False, num_region_points=0, num_background_points=30)
    rows = inputs["sampled_points"]
    query, key = (torch.cat(model.embed_points(view, rows)) for view in inputs["cloud_views"])
    assert len(query) == 60
    losses = model(inputs, mode="loss")
    torch.testing.assert_close(losses["loss_rapc"], info_nce(query, key, 0.07))
    assert "loss_plrc" not in losses


def test_every_parameter_learns_and_the_loss_falls() -> None:
    model = make_pretrainer().train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    inputs = make_batch()
    totals = []
    for _ in range(12):
        losses = model(inputs, mode="loss")
        total = losses["loss_plrc"] + losses["loss_rapc"]
        optimizer.zero_grad()
        total.backward()
        assert all(p.grad is not None for p in model.parameters())
        optimizer.step()
        totals.append(total.item())
    assert totals[-1] < 0.8 * totals[0]


def test_the_sampled_points_alone_fix_the_loss() -> None:
    model = make_pretrainer()
    inputs = make_batch()
    first, again = (model(inputs, mode="loss") for _ in range(2))
    assert first == again
    sample_points(inputs, seed=1)
    assert model(inputs, mode="loss")["loss_plrc"] != first["loss_plrc"]


@pytest.mark.parametrize("sizes", [(200, 300), (200, 0), (1, 1)])
@pytest.mark.parametrize("settings", [{}, POINT_CONTRAST], ids=["PRC", "PointContrast"])
def test_batches_without_regions_have_a_finite_loss_and_gradient(
    sizes: tuple[int, ...], settings: dict[str, Any]
) -> None:
    model = make_pretrainer(**settings).train()
    inputs = make_batch(sizes)
    inputs["region_ids"] = [torch.full_like(ids, -1) for ids in inputs["region_ids"]]
    sample_points(inputs)
    losses = model(inputs, mode="loss")
    assert losses["num_regions"] == losses["num_region_points"] == 0
    if not settings:
        assert losses["loss_plrc"] == losses["loss_rapc"] == 0
    torch.stack([v for name, v in losses.items() if "loss" in name]).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_clouds_without_points_give_zero_with_a_gradient() -> None:
    model = make_pretrainer().train()
    inputs = make_batch((0, 0))
    losses = model(inputs, mode="loss")
    (losses["loss_plrc"] + losses["loss_rapc"]).backward()
    assert losses["loss_plrc"] == losses["num_background_points"] == 0
    assert all(p.grad is not None and not p.grad.any() for p in model.parameters())


def test_a_scene_without_regions_beside_another_changes_nothing() -> None:
    inputs = make_batch((200,))
    expected = make_pretrainer()(inputs, mode="loss")["loss_plrc"]
    for view in inputs["cloud_views"]:
        view.append(make_batch()["points"][1])
    inputs["region_ids"].append(torch.full((300,), -1))
    found = make_pretrainer()(sample_points(inputs), mode="loss")["loss_plrc"]
    torch.testing.assert_close(found, expected)


def test_predict_returns_losses_and_tensor_the_map() -> None:
    model = make_pretrainer()
    inputs = make_batch()
    losses = model(inputs, mode="loss")
    (predicted,) = model(inputs, mode="predict")
    assert predicted == {name: pytest.approx(value.item()) for name, value in losses.items()}
    maps = model(inputs, mode="tensor")
    assert {name: tuple(bev.shape) for name, bev in maps.items()} == {"lidar": (2, 12, 16, 32)}


def test_rejects_what_cannot_be_contrasted() -> None:
    inputs = make_batch()
    with pytest.raises(
        ValueError, match="must have two cloud_views, but got 0; put MakeCloudViews"
    ):
        make_pretrainer()({"points": inputs["points"]}, mode="loss")
    with pytest.raises(ValueError, match="no sampled_points: put SampleRegionPoints"):
        make_pretrainer()({"cloud_views": inputs["cloud_views"]}, mode="loss")
    with pytest.raises(ValueError, match=r"alpha must be in \[0, 1\], but got 1.5"):
        make_pretrainer(alpha=1.5)
    with pytest.raises(ValueError, match='mode must be "loss", "predict" or "tensor"'):
        make_pretrainer()(inputs, mode="train")
    with pytest.raises(ValueError, match="bev must have shape"):
        make_pretrainer(grid={**GRID, "cell_size": 0.8})(inputs, mode="loss")
