"""Random choice of the points that methods on BEV maps compare."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from perception_kd.datasets.transforms.base import RandomTransform
from perception_kd.geometry.projection import project_points
from perception_kd.geometry.rigid import transform_points
from perception_kd.registry import TRANSFORMS
from perception_kd.structures import Indices, Mask, Sample
from perception_kd.utils.checks import check_at_least


@TRANSFORMS.register_module()
class SampleRegionPoints(RandomTransform[Indices]):
    """Draw points inside regions (semantic-rich) and outside (semantic-less).

    Only points of the keyframe's own sweep are drawn, since only they have regions, and
    only those within range in every copy of the point cloud. Points are drawn without
    replacement where there are enough, else with replacement. CALICO draws 1024 and
    1024; how it draws them is not public.

    Put it directly before packing: a later step may not move, drop or shuffle points.

    Reads: ``points``; ``cloud_views``, ``region_ids`` and ``lidar_aug_matrix`` where
    present; with ``seen_only`` also ``imgs`` and their matrices. Without ``region_ids``
    no point is in a region. Writes: ``sampled_points``, the rows of points in regions,
    then of the others; without either part where there is no such point.

    Args:
        point_cloud_range: (x_min, y_min, z_min, x_max, y_max, z_max) in m, half-open.
        num_region_points: Number of points drawn inside regions.
        num_background_points: Number of points drawn outside regions.
        region_balanced: Whether each region is drawn equally often; by default each
            point is.
        ego_half_width: Points closer to the LiDAR than this along both x and y, in m,
            are not drawn: they are returns from the ego vehicle. 0 disables the filter.
        seen_only: Whether only points are drawn that lie in a camera's image, as it is
            after its augmentation: a camera learns nothing from the others. CALICO does
            not say that it leaves them out.

    Raises:
        ValueError: If a number is negative or not finite, or the range is not six
            numbers.
    """

    def __init__(
        self,
        point_cloud_range: Sequence[float],
        num_region_points: int = 1024,
        num_background_points: int = 1024,
        region_balanced: bool = False,
        ego_half_width: float = 0.0,
        seen_only: bool = False,
    ) -> None:
        if len(point_cloud_range) != 6:
            raise ValueError(f"point_cloud_range must be 6 numbers, but got {point_cloud_range}.")
        check_at_least("num_region_points", num_region_points, 0)
        check_at_least("num_background_points", num_background_points, 0)
        if not 0 <= ego_half_width < math.inf:
            raise ValueError(f"ego_half_width must be finite and >= 0 (m), got {ego_half_width}.")
        self.point_cloud_range = tuple(point_cloud_range)
        self.num_region_points = num_region_points
        self.num_background_points = num_background_points
        self.region_balanced = region_balanced
        self.ego_half_width = ego_half_width
        self.seen_only = seen_only

    def draw(self, sample: Sample, rng: np.random.Generator) -> Indices:
        """Return the rows of the drawn points, shape (M,)."""
        generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
        inside, outside = self._find_candidates(sample)
        if self.region_balanced and len(inside) > 0:
            region_ids = torch.from_numpy(sample["region_ids"])[inside]
            drawn = _draw_balanced(region_ids, self.num_region_points, generator)
        else:
            drawn = _draw_uniform(len(inside), self.num_region_points, generator)
        others = _draw_uniform(len(outside), self.num_background_points, generator)
        return torch.cat([inside[drawn], outside[others]]).numpy()

    def apply(self, sample: Sample, params: Indices) -> Sample:
        """Return the sample with the rows of the drawn points."""
        return {**sample, "sampled_points": params}

    def _find_candidates(self, sample: Sample) -> tuple[Tensor, Tensor]:
        """Return the rows of points that may be drawn, inside regions and outside."""
        copies = [_as_float(points) for points in sample.get("cloud_views", [sample["points"]])]
        eligible = copies[0][:, 4] == 0
        for points in copies:
            eligible = eligible & self._in_range(points)
        if self.ego_half_width > 0:
            eligible = eligible & ~self._on_ego(copies[0], sample.get("lidar_aug_matrix"))
        if self.seen_only:
            eligible = eligible & torch.from_numpy(find_seen(sample))
        in_region = torch.zeros_like(eligible)
        if "region_ids" in sample:
            in_region = torch.from_numpy(sample["region_ids"]) >= 0
        inside, outside = eligible & in_region, eligible & ~in_region
        return inside.nonzero().squeeze(1), outside.nonzero().squeeze(1)

    def _in_range(self, points: Tensor) -> Tensor:
        lower, upper = points.new_tensor(self.point_cloud_range).split(3)
        return ((points[:, :3] >= lower) & (points[:, :3] < upper)).all(dim=1)

    def _on_ego(self, points: Tensor, lidar_aug_matrix: NDArray[np.float64] | None) -> Tensor:
        # The ego vehicle is aligned with the axes only in unaugmented coordinates.
        moved = np.eye(4) if lidar_aug_matrix is None else lidar_aug_matrix
        undo = torch.linalg.inv(torch.as_tensor(moved).double()).to(points)
        measured = points[:, :3] @ undo[:2, :3].T + undo[:2, 3]
        return (measured.abs() < self.ego_half_width).all(dim=1)


def find_seen(sample: Sample) -> Mask:
    """Return the mask of points in any image, after augmentation, shape (N,).

    Occlusion is not resolved.

    Args:
        sample: The sample; points and images may have been augmented.

    Raises:
        ValueError: If it has no images.
    """
    if not sample.get("imgs"):
        raise ValueError("seen_only needs images; select cameras in the dataset, or leave it out.")
    undo = np.linalg.inv(sample.get("lidar_aug_matrix", np.eye(4)))
    positions = transform_points(sample["points"][:, :3].astype(np.float64), undo)
    seen = np.zeros(len(positions), dtype=bool)
    for view, img in enumerate(sample["imgs"]):
        moved = sample["img_aug_matrix"][view] if "img_aug_matrix" in sample else np.eye(3)
        projection = project_points(
            positions,
            sample["lidar2cam"][view],
            moved @ sample["cam2img"][view],
            (img.shape[0], img.shape[1]),
            border="pixel",
        )
        seen |= projection.visible
    return seen


def _as_float(points: NDArray[np.float32]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(points, dtype=np.float32))


def _draw_uniform(num_points: int, num_draws: int, generator: torch.Generator) -> Tensor:
    if num_points == 0:
        return torch.zeros(0, dtype=torch.long)
    if num_points < num_draws:
        return torch.randint(num_points, (num_draws,), generator=generator)
    return torch.randperm(num_points, generator=generator)[:num_draws]


def _draw_balanced(region_ids: Tensor, num_draws: int, generator: torch.Generator) -> Tensor:
    if num_draws == 0:
        return torch.zeros(0, dtype=torch.long)
    _, region, size = region_ids.unique(return_inverse=True, return_counts=True)
    replacement = len(region_ids) < num_draws
    return torch.multinomial(1.0 / size[region], num_draws, replacement, generator=generator)
