"""The map head: focal loss by hand, cells that line up, shapes, what it refuses."""

import math

import pytest
import torch
from mmengine.registry import DefaultScope

from perception_kd.geometry.bev_grid import BEVGrid
from perception_kd.models.heads import BEVMapHead
from perception_kd.models.heads.bev_map_head import sigmoid_focal_loss
from perception_kd.registry import MODELS

IN_RANGE = (-8.0, -4.0, -5.0, 8.0, 4.0, 3.0)
OUT_RANGE = (-6.0, -3.0, -5.0, 6.0, 3.0, 3.0)
CLASSES = ("drivable_area", "divider")


def make_head(channels: int = 4) -> BEVMapHead:
    torch.manual_seed(0)
    return BEVMapHead(channels, CLASSES, IN_RANGE, 0.8, OUT_RANGE, 0.5)


def test_focal_loss_by_hand() -> None:
    # sigmoid(ln 3) = 3/4: right by 3/4 where the truth is 1, by 1/4 where it is 0.
    scores = torch.full((2,), math.log(3.0))
    truth = torch.tensor([1.0, 0.0])
    right = -((1 / 4) ** 2) * math.log(3 / 4)
    wrong = -((3 / 4) ** 2) * math.log(1 / 4)
    assert float(sigmoid_focal_loss(scores, truth)) == pytest.approx((right + wrong) / 2)


def test_focal_loss_without_focus_is_cross_entropy() -> None:
    scores, truth = torch.tensor([0.3, -2.0, 40.0]), torch.tensor([1.0, 0.0, 0.0])
    expected = torch.nn.functional.binary_cross_entropy_with_logits(scores, truth)
    torch.testing.assert_close(sigmoid_focal_loss(scores, truth, gamma=0.0), expected)


def test_focal_loss_has_the_gradient_of_its_value() -> None:
    scores = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    truth = (torch.rand(3, 4) > 0.5).double()
    assert torch.autograd.gradcheck(lambda x: sigmoid_focal_loss(x, truth), scores)


def test_cells_of_the_truth_see_the_map_at_their_own_place() -> None:
    head = make_head(channels=2)
    # The map holds x and y at its cells' centers, and the classifier passes them on.
    grid = BEVGrid(IN_RANGE, 0.8)
    rows, columns = grid.shape
    y, x = torch.meshgrid(
        -4 + 0.8 * (torch.arange(rows) + 0.5),
        -8 + 0.8 * (torch.arange(columns) + 0.5),
        indexing="ij",
    )
    head.classifier = torch.nn.Sequential()
    read = head(torch.stack([x, y])[None])
    assert read.shape == (1, 2, 12, 24)
    expected_x = -6 + 0.5 * (torch.arange(24) + 0.5)
    expected_y = -3 + 0.5 * (torch.arange(12) + 0.5)
    torch.testing.assert_close(read[0, 0], expected_x.expand(12, 24))
    torch.testing.assert_close(read[0, 1], expected_y[:, None].expand(12, 24))


def test_each_class_has_a_loss_of_its_own() -> None:
    head = make_head()
    scores = head(torch.randn(2, 4, 10, 20))
    truth = (torch.rand(2, 2, 12, 24) > 0.7).to(torch.uint8)
    losses = head.loss(scores, truth)
    assert list(losses) == ["loss_map_drivable_area", "loss_map_divider"]
    expected = sigmoid_focal_loss(scores[:, 1], truth[:, 1].float())
    torch.testing.assert_close(losses["loss_map_divider"], expected)


def test_the_registry_builds_it() -> None:
    with DefaultScope.overwrite_default_scope("perception_kd"):
        settings = dict(type="BEVMapHead", in_channels=4, classes=CLASSES)
        grids = dict(in_range=IN_RANGE, in_cell_size=0.8, out_range=OUT_RANGE, out_cell_size=0.5)
        assert isinstance(MODELS.build({**settings, **grids}), BEVMapHead)


def test_refuses_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match=r"bev must have shape \(B, C, 10, 20\)"):
        make_head()(torch.randn(1, 4, 20, 10))
    with pytest.raises(ValueError, match=r"truth must have shape \(1, 2, 12, 24\)"):
        make_head().loss(torch.randn(1, 2, 12, 24), torch.zeros(1, 2, 24, 12))
    with pytest.raises(ValueError, match="classes must hold at least one name"):
        BEVMapHead(4, (), IN_RANGE, 0.8, OUT_RANGE, 0.5)
