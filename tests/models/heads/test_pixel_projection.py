"""The teacher's head: its published form, where it reads, and its errors."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from perception_kd.models.heads import PixelProjection
from perception_kd.registry import MODELS


def positions_read(head: PixelProjection, num_cells: int) -> Tensor:
    """Return which cell each pixel of a row reads, from a map of cell indices."""
    cells = torch.arange(num_cells, dtype=torch.float32).expand(1, 1, num_cells, num_cells)
    return head.upsample(cells)[0, 0, 0]


@pytest.mark.parametrize("stride", [4, 32])
def test_equals_the_published_decoder(stride: int) -> None:
    head = PixelProjection(in_channels=6, out_channels=5, scale_factor=stride)
    published = nn.Sequential(
        nn.Conv2d(6, 5, kernel_size=1),
        nn.Upsample(scale_factor=stride, mode="bilinear", align_corners=True),
    )
    published[0].load_state_dict(head.conv.state_dict())
    feats = torch.randn(2, 6, 3, 4)
    expected = F.normalize(published(feats), p=2, dim=1)
    torch.testing.assert_close(head(feats, size=(3 * stride, 4 * stride)), expected)


def test_pixels_have_unit_length_unless_asked_otherwise() -> None:
    feats = torch.randn(1, 6, 3, 4)
    lengths = PixelProjection(6, 5)(feats).norm(dim=1)
    torch.testing.assert_close(lengths, torch.ones(1, 12, 16))
    raw = PixelProjection(6, 5, normalize=False)
    torch.testing.assert_close(raw(feats), raw.upsample(raw.project(feats)))


def test_convention_aligned_corners_are_off_at_the_far_edge() -> None:
    # Stride 4, 10 cells: cell j sees the surroundings of pixel 4 j, so pixel 39 should
    # read cell 9.75 but reads 9: 0.75 cells, 3 px. At pixel 0 there is no error.
    positions = positions_read(PixelProjection(1, 1, scale_factor=4), num_cells=10)
    error_px = 4 * positions - torch.arange(40)
    assert error_px[0].item() == 0
    assert error_px[-1].item() == pytest.approx(-3, abs=1e-4)
    torch.testing.assert_close(positions, torch.arange(40) * 9 / 39)


def test_convention_without_aligned_corners_cells_tile_the_image() -> None:
    head = PixelProjection(1, 1, scale_factor=4, align_corners=False)
    expected = ((torch.arange(40) + 0.5) / 4 - 0.5).clamp(0, 9)
    torch.testing.assert_close(positions_read(head, num_cells=10), expected)


def test_convention_a_cell_offset_is_the_pixel_of_cell_zero() -> None:
    head = PixelProjection(1, 1, scale_factor=16, align_corners=False, cell_offset=15)
    positions = positions_read(head, num_cells=3)
    assert positions[[0, 15, 31, 47]].tolist() == [0, 0, 1, 2]
    assert positions[23].item() == 0.5


@pytest.mark.parametrize("placement", [{}, {"align_corners": False}])
@pytest.mark.parametrize("offset", [None, 0.0])
def test_an_odd_image_is_cut_out_and_not_stretched(
    placement: dict[str, bool], offset: float | None
) -> None:
    if offset is not None:
        placement = {"align_corners": False}
    head = PixelProjection(6, 5, scale_factor=4, cell_offset=offset, **placement)
    feats = torch.randn(1, 6, 3, 4)
    torch.testing.assert_close(head(feats, size=(9, 14)), head(feats)[..., :9, :14])


def test_only_the_convolution_learns_and_it_gets_the_gradient() -> None:
    head = PixelProjection(6, 5, scale_factor=2)
    head(torch.randn(1, 6, 3, 4)).sum().backward()
    assert sorted(name for name, _ in head.named_parameters()) == ["conv.bias", "conv.weight"]
    grad = head.conv.get_parameter("weight").grad
    assert grad is not None
    assert grad.abs().sum() > 0


@pytest.mark.parametrize(
    "placement",
    [{}, {"align_corners": False}, {"align_corners": False, "cell_offset": 2.5}],
    ids=["aligned", "tiled", "offset"],
)
def test_sampling_equals_indexing_the_enlarged_map(placement: dict[str, Any]) -> None:
    head = PixelProjection(in_channels=6, out_channels=5, scale_factor=4, **placement)
    feats = torch.randn(2, 6, 3, 5)
    view, row, col = torch.meshgrid(
        torch.arange(2), torch.arange(11), torch.arange(19), indexing="ij"
    )
    pixels = torch.stack([view.flatten(), row.flatten(), col.flatten()], dim=1)
    expected = head(feats, size=(11, 19)).permute(0, 2, 3, 1).reshape(-1, 5)
    torch.testing.assert_close(head.sample(feats, pixels), expected)


@pytest.mark.parametrize("normalize", [True, False])
def test_projecting_then_enlarging_one_view_equals_the_whole(normalize: bool) -> None:
    head = PixelProjection(6, 5, normalize=normalize)
    feats = torch.randn(2, 6, 3, 4)
    views = [head.enlarge(head.project(view[None]), (11, 13)) for view in feats]
    torch.testing.assert_close(torch.cat(views), head(feats, (11, 13)))
    pixels = torch.tensor([[0, 10, 12], [1, 3, 0]])
    expected = head(feats)[pixels[:, 0], :, pixels[:, 1], pixels[:, 2]]
    torch.testing.assert_close(head.sample(feats, pixels), expected)


def test_rejects_an_image_larger_than_the_map_covers() -> None:
    head = PixelProjection(6, 5, scale_factor=4)
    with pytest.raises(ValueError, match=r"size must be at most \(12, 16\).*got \(12, 17\)"):
        head(torch.randn(1, 6, 3, 4), size=(12, 17))


def test_rejects_a_map_of_other_channels() -> None:
    with pytest.raises(ValueError, match=r"feats must have shape \(V, 6, h, w\)"):
        PixelProjection(6)(torch.randn(1, 7, 3, 4))


def test_rejects_contradicting_settings() -> None:
    with pytest.raises(ValueError, match="cell_offset must be None with align_corners=True"):
        PixelProjection(6, cell_offset=0)
    with pytest.raises(ValueError, match="must be positive, but got 6, 64 and 0"):
        PixelProjection(6, scale_factor=0)


def test_is_built_from_a_config() -> None:
    head = MODELS.build(dict(type="PixelProjection", in_channels=2048, scale_factor=32))
    assert head.conv.out_channels == 64
