"""Which points of a cloud a contrast by regions compares."""

import math
from collections.abc import Sequence

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from perception_kd.registry import TASK_UTILS
from perception_kd.utils.checks import check_at_least


@TASK_UTILS.register_module()
class RegionSampler:
    """Draw points that lie in a region (semantic-rich), and such that do not.

    Only points of the sample's own sweep are drawn, since only they have regions, and
    only those within range in every view. CALICO draws 1024 and 1024; how, is not
    public.

    Args:
        point_cloud_range: (x_min, y_min, z_min, x_max, y_max, z_max) in m, half-open.
        num_rich: Points in regions that are drawn from a cloud, N.
        num_less: Points in no region that are drawn from a cloud, M.
        region_balanced: Whether every region is drawn from as often, or every point.
        ego_half_width: Points nearer to the LiDAR than this along both x and y, in m,
            are not drawn: they lie on the own vehicle. 0 bars none.

    Raises:
        ValueError: If a number is negative or not finite, or the range is not six
            numbers.
    """

    def __init__(
        self,
        point_cloud_range: Sequence[float],
        num_rich: int = 1024,
        num_less: int = 1024,
        region_balanced: bool = False,
        ego_half_width: float = 0.0,
    ) -> None:
        if len(point_cloud_range) != 6:
            raise ValueError(f"point_cloud_range must be 6 numbers, but got {point_cloud_range}.")
        check_at_least("num_rich", num_rich, 0)
        check_at_least("num_less", num_less, 0)
        if not 0 <= ego_half_width < math.inf:
            raise ValueError(
                f"ego_half_width must be a distance in m from 0 on, but got {ego_half_width}."
            )
        self.point_cloud_range = tuple(point_cloud_range)
        self.num_rich = num_rich
        self.num_less = num_less
        self.region_balanced = region_balanced
        self.ego_half_width = ego_half_width

    def draw(
        self,
        views: Sequence[Tensor],
        region_ids: Tensor,
        seed: int,
        lidar_aug_matrix: ArrayLike | None = None,
    ) -> Tensor:
        """Return the rows of the points drawn from one cloud.

        Points are drawn without replacement where there are enough, else with.

        Args:
            views: The cloud as each view has it, row by row the same points, each (N,
                5): x, y, z in m, intensity, time lag in s, 0 for the own sweep.
            region_ids: Region of each point, negative for none, shape (N,).
            seed: Of the draw, which depends on nothing else.
            lidar_aug_matrix: How the first view was moved, (4, 4); None: not at all.

        Returns:
            Rows of points in regions, then of others, int64, shape (num_rich +
            num_less,); without either part where there is no such point.
        """
        eligible = views[0][:, 4] == 0
        for view in views:
            eligible = eligible & self._in_range(view)
        if self.ego_half_width > 0:
            eligible = eligible & ~self._on_ego(views[0], lidar_aug_matrix)
        rich = (eligible & (region_ids >= 0)).nonzero().squeeze(1)
        less = (eligible & (region_ids < 0)).nonzero().squeeze(1)

        generator = torch.Generator().manual_seed(seed)
        if self.region_balanced and len(rich) > 0:
            picked = _draw_balanced(region_ids[rich].cpu(), self.num_rich, generator)
        else:
            picked = _draw_uniform(len(rich), self.num_rich, generator)
        others = _draw_uniform(len(less), self.num_less, generator)
        return torch.cat([rich[picked.to(rich.device)], less[others.to(less.device)]])

    def _in_range(self, points: Tensor) -> Tensor:
        lower, upper = points.new_tensor(self.point_cloud_range).split(3)
        return ((points[:, :3] >= lower) & (points[:, :3] < upper)).all(dim=1)

    def _on_ego(self, points: Tensor, lidar_aug_matrix: ArrayLike | None) -> Tensor:
        # Only as it was measured does the cloud have the vehicle along its axes.
        moved = torch.eye(4) if lidar_aug_matrix is None else torch.as_tensor(lidar_aug_matrix)
        undo = torch.linalg.inv(moved.double()).to(points)
        measured = points[:, :3] @ undo[:2, :3].T + undo[:2, 3]
        return (measured.abs() < self.ego_half_width).all(dim=1)


def _draw_uniform(num_points: int, num_samples: int, generator: torch.Generator) -> Tensor:
    if num_points == 0:
        return torch.zeros(0, dtype=torch.long)
    if num_points < num_samples:
        return torch.randint(num_points, (num_samples,), generator=generator)
    return torch.randperm(num_points, generator=generator)[:num_samples]


def _draw_balanced(region_ids: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
    if num_samples == 0:
        return torch.zeros(0, dtype=torch.long)
    _, region, size = region_ids.unique(return_inverse=True, return_counts=True)
    replacement = len(region_ids) < num_samples
    return torch.multinomial(1.0 / size[region], num_samples, replacement, generator=generator)
