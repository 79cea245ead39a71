"""What pre-trainers share that compare points on bird's-eye-view maps."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from perception_kd.geometry.bev_grid import BEVGrid, sample_bev
from perception_kd.models.networks.bev_network import BEVNetworkMixin
from perception_kd.models.networks.task_model import Pretrainer
from perception_kd.registry import TASK_UTILS

Config = dict[str, Any]


class BEVPretrainer(BEVNetworkMixin, Pretrainer):
    """Maps of cameras and LiDAR, and the points at which they are compared.

    A subclass builds the networks and says what is compared, in ``loss``.

    Args:
        sampler: Which points are compared: config of a ``RegionSampler``.
        cell_size: Edge of a map's cell in m; the maps cover the sampler's range.
        data_preprocessor: Collates, and normalizes images.
    """

    def __init__(
        self, sampler: Config, cell_size: float, data_preprocessor: Config | None = None
    ) -> None:
        super().__init__(data_preprocessor=data_preprocessor)
        self.sampler = TASK_UTILS.build(sampler)
        self.grid = BEVGrid(self.sampler.point_cloud_range, cell_size)

    def forward_tensor(self, inputs: Config) -> dict[str, Tensor]:
        """Return maps (B, C, Y, X) by name: "lidar", "camera", or both."""
        maps = {}
        if self.pts_middle_encoder is not None:
            maps["lidar"] = self.extract_pts_bev(inputs["points"])
        if self.img_backbone is not None:
            maps["camera"] = self.extract_img_bev(inputs)
        return maps

    def draw_points(
        self, views: Sequence[list[Tensor]], inputs: Config, data_samples: list[Any]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Draw the points to compare.

        Args:
            views: The clouds as each view has them.
            inputs: The batch; without ``region_ids`` no point is in a region.
            data_samples: One a sample, with ``seed``, and ``lidar_aug_matrix`` where
                the first view was moved.

        Returns:
            Rows of each cloud, each (M_b,), and their regions, each (M_b,).
        """
        region_ids = inputs.get("region_ids")
        if region_ids is None:
            region_ids = [torch.full_like(cloud[:, 0], -1).long() for cloud in views[0]]
        rows = [
            self.sampler.draw(clouds, ids, sample.seed, getattr(sample, "lidar_aug_matrix", None))
            for *clouds, ids, sample in zip(*views, region_ids, data_samples, strict=True)
        ]
        return rows, [ids[drawn] for ids, drawn in zip(region_ids, rows, strict=True)]

    def read_points(self, bev: Tensor, clouds: list[Tensor], rows: list[Tensor]) -> Tensor:
        """Read maps between their cells at some points of each cloud.

        Args:
            bev: One map a cloud, shape (B, C, Y, X).
            clouds: Positions in the frame of the maps, each (N_b, 5).
            rows: Which points, each (M_b,).

        Returns:
            Features in the order of the concatenated rows, shape (M, C).
        """
        drawn = [cloud[row] for cloud, row in zip(clouds, rows, strict=True)]
        return sample_bev(bev, drawn, self.grid)[0]


class CameraLidarPretrainer(BEVPretrainer):
    """Has a network of cameras and one of LiDAR, whose maps are not fused.

    Args:
        sampler: Which points are compared: config of a ``RegionSampler``.
        cell_size: Edge of both maps' cells in m.
        img_backbone: Images to levels of maps.
        view_transform: A level to the camera's BEV map.
        img_neck: Levels to levels.
        data_preprocessor: Collates, and normalizes images.
        **pts_network: Configs of the LiDAR's parts by mmdet3d's names.
    """

    def __init__(
        self,
        sampler: Config,
        cell_size: float,
        img_backbone: Config,
        view_transform: Config,
        img_neck: Config | None = None,
        data_preprocessor: Config | None = None,
        **pts_network: Config,
    ) -> None:
        super().__init__(sampler, cell_size, data_preprocessor)
        self.build_bev_network(
            img_backbone=img_backbone, img_neck=img_neck, view_transform=view_transform
        )
        self.build_point_network(**pts_network)


def two_views(inputs: Config) -> tuple[list[Tensor], list[Tensor]]:
    """Return the clouds of both views of a batch.

    Raises:
        ValueError: If there are not two.
    """
    views = inputs.get("views", [])
    if len(views) != 2:
        raise ValueError(
            f"inputs must have two views, but got {len(views)}; put MakeViews into the pipeline."
        )
    return views[0], views[1]


def count_points(region_ids: list[Tensor]) -> dict[str, Tensor]:
    """Return the monitors of what is compared.

    Args:
        region_ids: Regions of the points, negative for none, each (M_b,).

    Returns:
        ``num_regions`` of all scenes, ``num_rich`` and ``num_less``: points in regions
        and others, float32.
    """
    ids = torch.cat(region_ids)
    num_regions = sum(len(scene[scene >= 0].unique()) for scene in region_ids)
    num_rich = (ids >= 0).sum()
    return {
        "num_regions": torch.as_tensor(float(num_regions), device=ids.device),
        "num_rich": num_rich.float(),
        "num_less": (len(ids) - num_rich).float(),
    }
