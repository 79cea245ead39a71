"""What pre-trainers share that compare points on bird's-eye-view maps."""

from typing import Any

from torch import Tensor

from perception_kd.geometry.bev_grid import BEVGrid
from perception_kd.models.networks.bev_network import BEVNetworkMixin
from perception_kd.models.networks.task_model import Pretrainer
from perception_kd.models.pretrainers.bev_points import read_points

Config = dict[str, Any]


class BEVPretrainer(BEVNetworkMixin, Pretrainer):
    """Maps of cameras and LiDAR, and the points at which they are compared.

    A subclass builds the networks and says what is compared, in ``loss``.

    Args:
        grid: Cells of the maps: arguments of :class:`~.BEVGrid`.
        data_preprocessor: Collates, and normalizes images.
    """

    def __init__(self, grid: Config, data_preprocessor: Config | None = None) -> None:
        super().__init__(data_preprocessor=data_preprocessor)
        self.grid = BEVGrid(**grid)

    def forward_tensor(self, inputs: Config) -> dict[str, Tensor]:
        """Return maps (B, C, Y, X) by name: "lidar", "camera", or both."""
        maps = {}
        if self.pts_middle_encoder is not None:
            maps["lidar"] = self.extract_pts_bev(inputs["points"])
        if self.img_backbone is not None:
            maps["camera"] = self.extract_img_bev(inputs)
        return maps

    def read_points(self, bev: Tensor, points: list[Tensor], rows: list[Tensor]) -> Tensor:
        """Read maps at points as :func:`.bev_points.read_points`, shape (M, C)."""
        return read_points(bev, points, rows, self.grid)


class CameraLidarPretrainer(BEVPretrainer):
    """Has a network of cameras and one of LiDAR, whose maps are not fused.

    Args:
        grid: Cells of both maps: arguments of :class:`~.BEVGrid`.
        img_backbone: Images to levels of maps.
        view_transform: A level to the camera's BEV map.
        img_neck: Levels to levels.
        data_preprocessor: Collates, and normalizes images.
        **pts_network: Configs of the LiDAR's parts by mmdet3d's names.
    """

    def __init__(
        self,
        grid: Config,
        img_backbone: Config,
        view_transform: Config,
        img_neck: Config | None = None,
        data_preprocessor: Config | None = None,
        **pts_network: Config,
    ) -> None:
        super().__init__(grid, data_preprocessor)
        self.build_bev_network(
            img_backbone=img_backbone, img_neck=img_neck, view_transform=view_transform
        )
        self.build_lidar_network(**pts_network)
