"""BEVDistill without labels against its definition."""

import copy
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from mmengine.registry import init_default_scope

from perception_kd.models.pretrainers import BEVDistillation
from perception_kd.models.pretrainers.bev_distillation import (
    region_heatmap,
    weighted_squared_error,
)
from perception_kd.registry import MODELS
from tests.models.pretrainers.tiny_bev import (
    CAMERA,
    GRID,
    make_camera_batch,
    read_by_hand,
    sample_points,
)
from tests.models.small_networks import PILLARS

PROJECTOR = dict(type="FeatureProjector", hidden_channels=(16,), out_channels=16, batch_norm=True)
PRETRAINER: dict[str, Any] = dict(
    type="BEVDistillation",
    **PILLARS,
    **CAMERA,
    grid=GRID,
    img_channels=6,
    pts_channels=12,
    dense_weight=0.01,
    pts_relation_projector=dict(**PROJECTOR, in_channels=12),
    img_projector=dict(**PROJECTOR, in_channels=6),
    loss_relation=dict(
        type="RegionContrastLoss",
        temperature=0.07,
        positives="point",
        semantic_less_anchors=True,
        symmetric=False,
        scope="batch",
        loss_weight=0.2,
    ),
)


def make_pretrainer() -> BEVDistillation:
    init_default_scope("perception_kd")
    torch.manual_seed(0)
    return MODELS.build(copy.deepcopy(PRETRAINER)).eval()


def test_the_dense_loss_is_a_weighted_mean_over_cells() -> None:
    student, teacher = torch.randn(2, 2, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    weights = torch.zeros(2, 4, 5)
    weights[0, 1, 2], weights[1, 3, 4] = 1.0, 0.25
    first = ((student[0, :, 1, 2] - teacher[0, :, 1, 2]) ** 2).sum()
    second = ((student[1, :, 3, 4] - teacher[1, :, 3, 4]) ** 2).sum()
    found = weighted_squared_error(student, teacher, weights)
    torch.testing.assert_close(found, (first + 0.25 * second) / 1.25)
    assert weighted_squared_error(student, teacher, 0 * weights) == 0


@torch.no_grad()
def test_equals_the_definition_from_maps_to_losses() -> None:
    model = make_pretrainer()
    # More points than there are, so that some are drawn twice.
    inputs = make_camera_batch(num_region_points=120, num_background_points=0)
    lidar_bev, camera_bev = model.extract_pts_bev(inputs["points"]), model.extract_img_bev(inputs)
    adapted = F.conv2d(camera_bev, model.adapter.weight, model.adapter.bias)
    dense, total = 0.0, 0.0
    lidar: list[torch.Tensor] = []
    camera: list[torch.Tensor] = []
    own: list[int] = []
    first: list[int] = []
    for b, rows in enumerate(inputs["sampled_points"]):
        cloud, ids = inputs["points"][b], inputs["region_ids"][b]
        weights = region_heatmap(cloud, ids, model.grid)
        dense += float((weights * ((adapted[b] - lidar_bev[b]) ** 2).sum(dim=0)).sum())
        total += float(weights.sum())
        assert (ids[rows] >= 0).all()
        assert len(rows.unique()) < len(rows)
        drawn = rows.tolist()
        own += [len(first) + sorted(set(drawn)).index(row) for row in drawn]
        first += [len(lidar) + drawn.index(row) for row in sorted(set(drawn))]
        lidar += [read_by_hand(lidar_bev[b], cloud[row], 0.4) for row in rows]
        camera += [read_by_hand(camera_bev[b], cloud[row], 0.4) for row in rows]
    query = model.pts_relation_projector(torch.stack(lidar))
    key = model.img_projector(torch.stack(camera))
    # Every draw of the LiDAR picks its point among all, each of which is there once.
    relation = F.cross_entropy(query @ key[first].T / 0.07, torch.tensor(own))
    losses = model(inputs, mode="loss")
    assert losses["loss_dense"].item() == pytest.approx(0.01 * dense / total, rel=1e-4)
    torch.testing.assert_close(losses["loss_relation"], 0.2 * relation, rtol=1e-4, atol=1e-5)


def test_all_but_the_teacher_learns() -> None:
    model = make_pretrainer().train()
    losses = model(make_camera_batch(), mode="loss")
    (losses["loss_dense"] + losses["loss_relation"]).backward()
    learning = {name.split(".")[0] for name, p in model.named_parameters() if p.grad is not None}
    student = {"img_backbone", "view_transform", "img_projector", "adapter"}
    assert learning == {*student, "pts_relation_projector"}
    assert all(p.grad is not None for p in model.parameters() if p.requires_grad)


@pytest.mark.parametrize("sizes", [(200, 300), (0, 0)])
def test_batches_without_a_region_give_zero_with_a_gradient(sizes: tuple[int, ...]) -> None:
    model = make_pretrainer().train()
    inputs = make_camera_batch(sizes)
    inputs["region_ids"] = [torch.full_like(ids, -1) for ids in inputs["region_ids"]]
    sample_points(inputs, num_background_points=0)
    losses = model(inputs, mode="loss")
    (losses["loss_dense"] + losses["loss_relation"]).backward()
    assert losses["loss_dense"] == losses["loss_relation"] == 0
    assert all(p.grad is not None for p in model.parameters() if p.requires_grad)
