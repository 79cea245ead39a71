"""The points at which methods compare bird's-eye-view maps."""

import torch
from torch import Tensor, nn

from perception_kd.geometry.bev_grid import BEVGrid, sample_bev
from perception_kd.models.networks.task_model import Supervision
from perception_kd.structures import Batch

_ADVICE = (
    "check that the regions belong to these info files and that their settings fit the sensor "
    "(tools/create_data.py regions), that points are in m, and that they lie in point_cloud_range"
)
_REGIONS = Supervision("regions", ("num_regions",), _ADVICE)
_POINTS = Supervision("points", ("num_region_points", "num_background_points"), _ADVICE)


def find_supervision(*losses: nn.Module) -> Supervision:
    """Return the supervision of losses of regions: regions, or also points outside."""
    everywhere = any(getattr(loss, "semantic_less_anchors", False) for loss in losses)
    return _POINTS if everywhere else _REGIONS


def two_cloud_views(inputs: Batch) -> tuple[list[Tensor], list[Tensor]]:
    """Return both augmented copies of the point clouds of a batch, each B of (N_b, 5).

    Raises:
        ValueError: If there are not two.
    """
    copies = inputs.get("cloud_views", [])
    if len(copies) != 2:
        raise ValueError(
            f"The batch must have two cloud_views, but got {len(copies)}; put MakeCloudViews into "
            "the pipeline."
        )
    return copies[0], copies[1]


def sampled_points(inputs: Batch) -> tuple[list[Tensor], list[Tensor]]:
    """Return the points to compare, which ``SampleRegionPoints`` drew.

    Args:
        inputs: The batch; without ``region_ids`` no point is in a region.

    Returns:
        Rows of each point cloud, each (M_b,), and their regions, negative for none,
        each (M_b,).

    Raises:
        ValueError: If no points were drawn.
    """
    if "sampled_points" not in inputs:
        raise ValueError(
            "The batch has no sampled_points: put SampleRegionPoints into the pipeline, directly "
            "before packing."
        )
    rows = inputs["sampled_points"]
    if "region_ids" not in inputs:
        return rows, [torch.full_like(drawn, -1) for drawn in rows]
    return rows, [ids[drawn] for ids, drawn in zip(inputs["region_ids"], rows, strict=True)]


def read_bev(bev: Tensor, points: list[Tensor], rows: list[Tensor], grid: BEVGrid) -> Tensor:
    """Read BEV maps at some points of each point cloud by bilinear interpolation.

    Args:
        bev: One map per point cloud, shape (B, C, Y, X).
        points: Positions in the coordinates of the maps, each (N_b, 5).
        rows: Rows of the points to read at, each (M_b,).
        grid: Cells of the maps.

    Returns:
        Features in the order of the concatenated rows, shape (M, C).
    """
    selected = [cloud[row] for cloud, row in zip(points, rows, strict=True)]
    return sample_bev(bev, selected, grid)[0]


def sensor_positions(inputs: Batch, rows: list[Tensor]) -> list[Tensor]:
    """Return the positions of points relative to the sensor, before augmentation.

    Args:
        inputs: The batch with ``points`` and ``lidar_aug_matrix``.
        rows: Rows of each point cloud, each (M_b,).

    Returns:
        x and y in m in LiDAR coordinates, float64, each (M_b, 2).
    """
    back = torch.linalg.inv(inputs["lidar_aug_matrix"].double())
    return [
        cloud[row, :3].double() @ matrix[:2, :3].T + matrix[:2, 3]
        for cloud, row, matrix in zip(inputs["points"], rows, back, strict=True)
    ]


def count_drawn_points(region_ids: list[Tensor]) -> dict[str, Tensor]:
    """Return monitors of the points that are compared.

    Args:
        region_ids: Regions of the points, negative for none, each (M_b,).

    Returns:
        ``num_regions`` of all samples, ``num_region_points`` and
        ``num_background_points``: points inside regions and outside, float32.
    """
    ids = torch.cat(region_ids)
    num_regions = torch.stack([_count_distinct(sample) for sample in region_ids]).sum()
    num_region_points = (ids >= 0).sum()
    return {
        "num_regions": num_regions.float(),
        "num_region_points": num_region_points.float(),
        "num_background_points": (len(ids) - num_region_points).float(),
    }


def _count_distinct(ids: Tensor) -> Tensor:
    """Count the different ids (M,) that are not negative, without a wait for a GPU."""
    ordered = ids.sort().values
    is_first = torch.ones_like(ordered, dtype=torch.bool)
    is_first[1:] = ordered[1:] != ordered[:-1]
    return (is_first & (ordered >= 0)).sum()
