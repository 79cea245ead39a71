"""Where regions lie on a bird's-eye-view map, as a heatmap."""

import torch
from mmdet3d.models.utils import draw_heatmap_gaussian, gaussian_radius
from torch import Tensor

from perception_kd.geometry.bev_grid import BEVGrid


def region_heatmap(
    points: Tensor, region_ids: Tensor, grid: BEVGrid, min_overlap: float = 0.1, min_radius: int = 2
) -> Tensor:
    """Draw a Gaussian at the center of each region.

    What center-based detectors draw at annotated boxes: 1 at the center, and as wide
    as boxes of the region's extent may be off and still overlap. Center and extent are
    those of the axis-aligned box around the region's points.

    Args:
        points: x and y in m first, shape (N, 2 or more).
        region_ids: Region of each point, negative for none, shape (N,).
        grid: Where the cells lie. Regions with their center beyond it are left out.
        min_overlap: Overlap that sets the radius, as in mmdet3d.
        min_radius: Least radius in cells.

    Returns:
        Values in [0, 1], the largest where Gaussians meet, float32, shape (Y, X).
    """
    heatmap = points.new_zeros(grid.shape, dtype=torch.float)
    cells = grid.to_cells(points)
    for region in region_ids[region_ids >= 0].unique():
        members = cells[region_ids == region]
        low, high = members.amin(dim=0), members.amax(dim=0)
        center = (low + high) / 2
        row, column = int(center[1].floor()), int(center[0].floor())
        if 0 <= row < grid.shape[0] and 0 <= column < grid.shape[1]:
            width, height = (high - low).clamp(min=1).unbind()
            radius = max(min_radius, int(gaussian_radius((height, width), min_overlap)))
            draw_heatmap_gaussian(heatmap, torch.tensor([column, row]), radius)
    return heatmap
