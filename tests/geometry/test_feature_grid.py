"""Interpolation between cells: by hand, as loops, and against torch's own."""

import pytest
import torch
import torch.nn.functional as F

from perception_kd.geometry.feature_grid import interpolation_matrix, read_cells, resample_cells


def test_reads_between_the_two_nearest_cells() -> None:
    # Cells at 1, 5 and 9 px: pixel 3 is half way, pixel 8 three quarters.
    matrix = interpolation_matrix(num_cells=3, size=12, scale=4, offset=1)
    torch.testing.assert_close(matrix[3], torch.tensor([0.5, 0.5, 0.0]))
    torch.testing.assert_close(matrix[8], torch.tensor([0.0, 0.25, 0.75]))


def test_convention_pixels_outside_read_the_outer_cell() -> None:
    matrix = interpolation_matrix(num_cells=3, size=12, scale=4, offset=1)
    assert matrix[0].tolist() == [1.0, 0.0, 0.0]
    assert matrix[11].tolist() == [0.0, 0.0, 1.0]


def test_one_cell_fills_everything() -> None:
    assert interpolation_matrix(num_cells=1, size=5, scale=32, offset=31).tolist() == [[1.0]] * 5


@pytest.mark.parametrize("scale", [2, 4, 14])
def test_equals_interpolate_where_cells_tile_the_image(scale: int) -> None:
    feats = torch.randn(2, 3, 4, 5)
    size = (4 * scale, 5 * scale)
    ours = resample_cells(feats, size, scale, offset=(scale - 1) / 2)
    torch.testing.assert_close(ours, F.interpolate(feats, size, mode="bilinear"))


def test_equals_interpolate_where_corners_are_aligned() -> None:
    feats = torch.randn(1, 2, 4, 4)
    ours = resample_cells(feats, (16, 16), scale=15 / 3, offset=0)
    reference = F.interpolate(feats, (16, 16), mode="bilinear", align_corners=True)
    torch.testing.assert_close(ours, reference)


def test_matches_naive_loops() -> None:
    feats = torch.randn(1, 2, 3, 4, dtype=torch.float64)
    result = resample_cells(feats, (13, 17), scale=4, offset=2.5)
    for row in range(13):
        for col in range(17):
            y = min(max((row - 2.5) / 4, 0), 2)
            x = min(max((col - 2.5) / 4, 0), 3)
            top, left = min(int(y), 1), min(int(x), 2)
            fy, fx = y - top, x - left
            expected = (
                (1 - fy) * (1 - fx) * feats[0, :, top, left]
                + (1 - fy) * fx * feats[0, :, top, left + 1]
                + fy * (1 - fx) * feats[0, :, top + 1, left]
                + fy * fx * feats[0, :, top + 1, left + 1]
            )
            torch.testing.assert_close(result[0, :, row, col], expected, rtol=1e-5, atol=1e-6)


def test_single_positions_by_hand() -> None:
    # View 1 holds 0..5 in two rows of three: a quarter down from 1 towards 4, then
    # half way from 1.75 to 2.75.
    feats = torch.stack([torch.full((1, 2, 3), 9.0), torch.arange(6.0).reshape(1, 2, 3)])
    read = read_cells(
        feats, torch.tensor([1, 0]), torch.tensor([0.25, 0.5]), torch.tensor([1.5, 2])
    )
    assert read.tolist() == [[2.25], [9.0]]


def test_convention_positions_outside_read_the_outer_cell() -> None:
    feats = torch.arange(6.0).reshape(1, 1, 2, 3)
    row, col = torch.tensor([-3.0, 7.0, -1.0]), torch.tensor([-0.5, 9.0, 2.4])
    assert read_cells(feats, torch.zeros(3).long(), row, col).tolist() == [[0.0], [5.0], [2.0]]


def test_positions_equal_grid_sample_with_their_gradient() -> None:
    torch.manual_seed(0)
    feats = torch.randn(2, 3, 4, 5, dtype=torch.double, requires_grad=True)
    row, col = torch.rand(2, 7).double() * 5 - 1, torch.rand(2, 7).double() * 6 - 1
    view = torch.arange(2)[:, None].expand(2, 7)
    read = read_cells(feats, view.flatten(), row.flatten(), col.flatten())
    where = torch.stack([2 * col / 4 - 1, 2 * row / 3 - 1], dim=-1)[:, None]
    expected = F.grid_sample(feats, where, padding_mode="border", align_corners=True)
    expected = expected[:, :, 0].permute(0, 2, 1).reshape(-1, 3)
    torch.testing.assert_close(read, expected)
    weight = torch.randn_like(read)
    (ours,) = torch.autograd.grad((read * weight).sum(), feats)
    (theirs,) = torch.autograd.grad((expected * weight).sum(), feats)
    torch.testing.assert_close(ours, theirs)


def test_no_positions_read_nothing() -> None:
    none = torch.zeros(0)
    assert read_cells(torch.zeros(2, 3, 4, 5), none.long(), none, none).shape == (0, 3)


def test_gradient() -> None:
    feats = torch.randn(1, 2, 3, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: resample_cells(x, (7, 5), 2, 1), (feats,))


def test_rejects_a_map_without_views() -> None:
    with pytest.raises(ValueError, match=r"feats must have shape \(V, C, h, w\), but got \(3, 4"):
        resample_cells(torch.zeros(3, 4, 4), (8, 8), 2, 0)
    with pytest.raises(ValueError, match=r"feats must have shape \(V, C, h, w\), but got \(3, 4"):
        read_cells(torch.zeros(3, 4, 4), *(torch.zeros(1),) * 3)
