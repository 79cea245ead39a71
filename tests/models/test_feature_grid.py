"""Interpolation between cells: by hand, as loops, and against torch's own."""

import pytest
import torch
import torch.nn.functional as F

from perception_kd.models.feature_grid import interpolation_matrix, resample_cells


def test_reads_between_the_two_nearest_cells() -> None:
    # Cells at 1, 5 and 9 px: pixel 3 is half way, pixel 8 three quarters.
    matrix = interpolation_matrix(num_cells=3, size=12, scale=4, offset=1)
    torch.testing.assert_close(matrix[3], torch.tensor([0.5, 0.5, 0.0]))
    torch.testing.assert_close(matrix[8], torch.tensor([0.0, 0.25, 0.75]))


def test_convention_pixels_beyond_the_outer_cells_read_the_outer_cell() -> None:
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


def test_gradient() -> None:
    feats = torch.randn(1, 2, 3, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: resample_cells(x, (7, 5), 2, 1), (feats,))


def test_rejects_a_map_without_views() -> None:
    with pytest.raises(ValueError, match=r"feats must have shape \(V, C, h, w\), but got \(3, 4"):
        resample_cells(torch.zeros(3, 4, 4), (8, 8), 2, 0)
