"""SimIPU seen from above, against its definition."""

import copy
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from mmengine.registry import init_default_scope

from perception_kd.models.pretrainers import CameraLidarContrast
from perception_kd.registry import MODELS
from tests.models.pretrainers.tiny_bev import (
    CAMERA,
    GRID,
    make_camera_batch,
    read_by_hand,
)
from tests.models.small_networks import PILLARS

PROJECTOR = dict(type="FeatureProjector", hidden_channels=(8, 8), out_channels=16, batch_norm=True)
LOSS = dict(
    type="RegionContrastLoss",
    temperature=0.07,
    positives="point",
    semantic_less_anchors=True,
    symmetric=False,
    scope="batch",
)
PRETRAINER: dict[str, Any] = dict(
    type="CameraLidarContrast",
    **PILLARS,
    **CAMERA,
    grid=GRID,
    pts_projector=dict(**PROJECTOR, in_channels=12),
    pts_img_projector=dict(**PROJECTOR, in_channels=12),
    img_projector=dict(**PROJECTOR, in_channels=6),
    loss_intra=LOSS,
    loss_inter=LOSS,
)


def make_pretrainer() -> CameraLidarContrast:
    init_default_scope("perception_kd")
    torch.manual_seed(0)
    return MODELS.build(copy.deepcopy(PRETRAINER)).eval()


@torch.no_grad()
def test_equals_the_definition_from_maps_to_losses() -> None:
    model = make_pretrainer()
    # More points than there are, so that some are drawn twice.
    inputs = make_camera_batch(regions=False, num_background_points=240)
    rows = inputs["sampled_points"]
    first, second = inputs["cloud_views"]

    def read(bev: torch.Tensor, clouds: list[torch.Tensor]) -> torch.Tensor:
        return torch.stack(
            [read_by_hand(bev[b], clouds[b][row], 0.4) for b in range(2) for row in rows[b]]
        )

    lidar = read(model.extract_pts_bev(first), first)
    moved = read(model.extract_pts_bev(second), second)
    camera = read(model.extract_img_bev(inputs), first)
    losses = model(inputs, mode="loss")
    drawn = [(b, row) for b in range(2) for row in rows[b].tolist()]
    points = sorted(set(drawn))
    first_draw = [drawn.index(point) for point in points]
    own = torch.tensor([points.index(point) for point in drawn])
    assert len(points) < len(drawn)

    def contrast(query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
        # Every draw picks its point among all, each of which is there once.
        return F.cross_entropy(query @ key[first_draw].T / 0.07, own)

    intra = contrast(model.pts_projector(lidar), model.pts_projector(moved))
    inter = contrast(model.pts_img_projector(lidar), model.img_projector(camera))
    torch.testing.assert_close(losses["loss_intra"], intra, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(losses["loss_inter"], inter, rtol=1e-4, atol=1e-5)
    assert losses["num_background_points"] == 480


def test_both_networks_learn() -> None:
    model = make_pretrainer().train()
    losses = model(make_camera_batch(regions=False), mode="loss")
    (losses["loss_intra"] + losses["loss_inter"]).backward()
    assert all(p.grad is not None for p in model.parameters())
    model.zero_grad()
    model(make_camera_batch(regions=False), mode="loss")["loss_inter"].backward()
    assert all(p.grad is not None for p in model.pts_voxel_encoder.parameters())  # type: ignore[union-attr]


@pytest.mark.parametrize("sizes", [(0, 300), (0, 0)])
def test_empty_point_clouds_give_a_finite_loss(sizes: tuple[int, ...]) -> None:
    model = make_pretrainer().train()
    losses = model(make_camera_batch(sizes, regions=False), mode="loss")
    (losses["loss_intra"] + losses["loss_inter"]).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    for name in ("loss_intra", "loss_inter"):
        assert losses[name].isfinite()
        assert (losses[name] == 0) == (sum(sizes) == 0)


def test_rejects_a_batch_without_views() -> None:
    inputs = make_camera_batch()
    del inputs["cloud_views"]
    with pytest.raises(ValueError, match="must have two cloud_views, but got 0"):
        make_pretrainer()(inputs, mode="loss")
