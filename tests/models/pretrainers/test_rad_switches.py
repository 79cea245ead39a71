"""RAD's switches against their definitions, and its label-free measures."""

import math
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from perception_kd.models.losses import RegionContrastLoss, region_contrast
from perception_kd.models.losses.position_removal import remove_position, share_of_position
from perception_kd.models.pretrainers.bev_points import sensor_positions
from perception_kd.models.pretrainers.rad_diagnosis import measure_agreement
from perception_kd.models.view_transforms.depth_distribution import (
    cell_depths,
    depth_distribution_loss,
    expected_depth_error,
)
from perception_kd.models.view_transforms.depth_lift_splat import depth_images
from perception_kd.models.view_transforms.frustum import Cameras
from tests.models.pretrainers.test_region_distillation import make_pretrainer
from tests.models.pretrainers.tiny_bev import CAMERA, RAPC, make_camera_batch


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.double)


def test_only_points_of_equal_range_compete() -> None:
    query, key = F.normalize(draw(6, 4), dim=1), F.normalize(draw(6, 4, seed=1), dim=1)
    ids = torch.tensor([0, 0, 1, 1, 2, -1])
    ranges = torch.tensor([5.0, 6, 7, 20, 6.5, 5.5])
    total = 0.0
    for i in range(5):
        scores = [math.exp(float(query[i] @ key[j]) / 0.1) for j in range(6)]
        z = scores[i] + sum(
            scores[j] for j in range(6) if ids[j] != ids[i] and abs(ranges[j] - ranges[i]) <= 1.5
        )
        weight = 1 / 3 / (1 if ids[i] == 2 else 2)
        total -= weight * math.log(scores[i] / z)
    loss = RegionContrastLoss(
        positives="point",
        same_region_negatives=False,
        region_normalize=True,
        symmetric=False,
        max_range_gap=1.5,
    )
    found = loss([query], [key], [ids], ranges=[ranges])
    assert found.item() == pytest.approx(total)
    with pytest.raises(ValueError, match="max_range_gap needs the ranges of points"):
        loss([query], [key], [ids])


def test_a_point_alone_at_its_range_has_no_loss() -> None:
    query = draw(3, 4).requires_grad_()
    ranges = torch.tensor([1.0, 10, 100])
    loss = region_contrast(
        query, draw(3, 4, seed=1), torch.arange(3), 0.1, ranges=ranges, max_range_gap=2.0
    )
    loss.backward()
    assert loss.item() == pytest.approx(0)
    assert query.grad is not None
    assert query.grad.isfinite().all()


@pytest.mark.parametrize("options", [dict(max_range_gap=0), dict(max_range_gap=-1.0)])
def test_rejects_a_gap_that_lets_nothing_compete(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="max_range_gap must be positive"):
        RegionContrastLoss(**options)
    with pytest.raises(ValueError, match="without gather_negatives"):
        RegionContrastLoss(max_range_gap=1.0, scope="batch", gather_negatives=True)


def test_what_is_left_is_the_residual_of_least_squares() -> None:
    feats, positions = draw(40, 3), 20 * draw(40, 2, seed=1)
    x, y = positions.T.numpy()
    r, a = np.hypot(x, y), np.arctan2(y, x)
    basis = np.stack(
        [r**0, r, r**2, r**3, np.log(r), np.cos(a), np.sin(a), np.cos(2 * a), np.sin(2 * a)], 1
    )
    weights = np.linalg.lstsq(basis, feats.numpy(), rcond=None)[0]
    expected = feats.numpy() - basis @ weights
    np.testing.assert_allclose(remove_position(feats, positions).numpy(), expected, atol=1e-8)


def test_only_features_explained_by_the_range_are_removed() -> None:
    positions = 20 * draw(200, 2, seed=1)
    ranges = positions.norm(dim=1)
    of_range = torch.stack([ranges, 3 - ranges**2], dim=1)
    assert remove_position(of_range, positions).abs().max() < 1e-6
    assert share_of_position(of_range, positions).item() == pytest.approx(1)
    assert share_of_position(draw(200, 8, seed=2), positions).item() < 0.1


@pytest.mark.parametrize("num", [0, 1, 3])
def test_few_points_have_a_finite_residual(num: int) -> None:
    feats, positions = draw(num, 4).requires_grad_(), draw(num, 2)
    left = remove_position(feats, positions)
    left.sum().backward()
    assert left.shape == (num, 4)
    assert left.abs().sum() < 1e-6  # as many unknowns as points
    assert feats.grad is not None
    assert feats.grad.isfinite().all()
    assert 0 <= share_of_position(feats, positions) <= 1


def test_depth_loss_equals_its_definition_in_loops() -> None:
    scores, depths = draw(2, 4, 2, 3), torch.tensor([1.0, 3, 5, 7])
    targets = torch.tensor([0.2, 1.9, 2.1, 7.9, 8.1, torch.inf]).expand(2, 6).view(2, 2, 3)
    bins = {0.2: 0, 1.9: 0, 2.1: 1, 7.9: 3}
    terms, errors = [], []
    for view, row, col in np.ndindex(2, 2, 3):
        target = round(float(targets[view, row, col]), 1)
        if target not in bins:
            continue
        exps = [math.exp(float(s)) for s in scores[view, :, row, col]]
        terms.append(-math.log(exps[bins[target]] / sum(exps)))
        expected = sum(float(d) * e for d, e in zip(depths, exps, strict=True)) / sum(exps)
        errors.append(abs(expected - target))
    loss = depth_distribution_loss(scores, depths, targets)
    assert loss.item() == pytest.approx(sum(terms) / 8)
    error = expected_depth_error(scores, depths, targets)
    assert error.item() == pytest.approx(sum(errors) / 8, rel=1e-5)


def test_no_point_in_any_image_gives_no_depth_loss() -> None:
    scores = draw(1, 3, 2, 2).requires_grad_()
    nothing = torch.full((1, 2, 2), torch.inf)
    loss = depth_distribution_loss(scores, torch.tensor([1.0, 2, 3]), nothing)
    loss.backward()
    assert loss.item() == 0
    assert scores.grad is not None
    assert not scores.grad.any()
    assert expected_depth_error(scores, torch.tensor([1.0, 2, 3]), nothing).item() == 0


def test_a_cell_has_its_nearest_point_of_the_own_sweep() -> None:
    inputs = make_camera_batch()
    cameras = Cameras.from_inputs(inputs)
    height, width = cameras.img_shape
    shape = (height // 4, width // 4)
    found = cell_depths(inputs["points"], cameras, shape)
    own = [cloud[cloud[:, 4] == 0] for cloud in inputs["points"]]
    images = depth_images(own, cameras)[:, 0]
    assert found.isfinite().any()
    for view, row, col in np.ndindex(*found.shape):
        block = images[view, 4 * row : 4 * row + 4, 4 * col : 4 * col + 4]
        hit = block[block > 0]
        assert found[view, row, col] == (hit.min() if len(hit) else torch.inf)


def test_positions_are_those_before_augmentation() -> None:
    inputs = make_camera_batch()
    rows = inputs["sampled_points"]
    for sample, found in enumerate(sensor_positions(inputs, rows)):
        moved = inputs["points"][sample][rows[sample], :3].double()
        whole = torch.cat([found, torch.zeros(len(found), 2)], dim=1)
        whole[:, 3] = 1
        matrix = inputs["lidar_aug_matrix"][sample].double()
        back = torch.linalg.solve(matrix, F.pad(moved, (0, 1), value=1.0).T).T
        torch.testing.assert_close(found, back[:, :2])


def test_agreement_by_hand() -> None:
    # Points 0 and 1 are of region 0 at 10 m, 2 and 3 of region 1: one near, one far.
    camera = torch.eye(4)[[0, 0, 1, 1]]
    lidar = torch.eye(4)[[0, 0, 0, 1]]
    positions = torch.tensor([[10.0, 0], [0, 10], [-10, 0], [0, -40]]).double()
    measured = measure_agreement(camera, lidar, positions, torch.tensor([0, 0, 1, 1]))
    # Nearest others: 0 finds 1 (a tie with 2, the first counts), 1 finds 0, 2 finds 3,
    # 3 finds any of equal similarity 0, the first of which is of region 0.
    assert measured["acc_nearest_region"].item() == pytest.approx(3 / 4)
    # At equal range only points 0 and 1 can be right or wrong.
    assert measured["acc_nearest_region_equal_range"].item() == 1
    alone = measure_agreement(camera, lidar, positions, torch.full((4,), -1))
    assert alone["acc_nearest_region"].item() == 0


SWITCHED: dict[str, dict[str, Any]] = {
    "equal range": dict(loss_rad={**RAPC, "symmetric": False, "max_range_gap": 2.0}),
    "position removed": dict(remove_position=True),
    "depth": dict(depth_weight=0.5),
}


@pytest.mark.parametrize("switch", SWITCHED)
def test_a_switch_changes_the_loss_and_trains_the_cameras(switch: str) -> None:
    inputs = make_camera_batch()
    plain, model = make_pretrainer(), make_pretrainer(**SWITCHED[switch])
    before, losses = plain(inputs, mode="loss"), model(inputs, mode="loss")
    assert sum(v for k, v in losses.items() if "loss" in k) != before["loss_rad"]
    if switch == "depth":
        assert losses["loss_rad"] == before["loss_rad"]
    sum(v for k, v in losses.items() if "loss" in k).backward()
    for name, p in model.named_parameters():
        assert not p.requires_grad or (p.grad is not None and p.grad.isfinite().all()), name


def test_a_diagnosis_adds_to_the_losses_of_held_out_data() -> None:
    inputs = make_camera_batch()
    (plain,) = make_pretrainer()(inputs, mode="predict")
    (found,) = make_pretrainer(diagnose=True)(inputs, mode="predict")
    assert plain.items() <= found.items()
    assert set(found) - set(plain) == {
        "mean_position_share_camera",
        "mean_position_share_lidar",
        "acc_nearest_region",
        "acc_nearest_region_equal_range",
        "mean_depth_error_m",
    }
    assert all(math.isfinite(value) for value in found.values())


def test_depth_is_not_taught_to_a_network_that_reads_it() -> None:
    lift = {**CAMERA["view_transform"], "type": "DepthLSSViewTransform"}
    with pytest.raises(ValueError, match="depth_weight must be 0 with DepthLSSViewTransform"):
        make_pretrainer(view_transform=lift, depth_weight=1.0)
    with pytest.raises(ValueError, match="depth_weight must not be negative, but got -1"):
        make_pretrainer(depth_weight=-1)
