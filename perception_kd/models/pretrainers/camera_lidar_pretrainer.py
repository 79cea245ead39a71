"""Common part of methods that compare the BEV maps of cameras and LiDAR."""

from torch import Tensor

from perception_kd.geometry.bev_grid import BEVGrid
from perception_kd.models.networks.camera_network import CameraNetworkMixin, ImgParts
from perception_kd.models.networks.lidar_network import LidarNetworkMixin, PtsParts
from perception_kd.models.networks.task_model import TaskModel
from perception_kd.structures import Batch, ConfigDict


class CameraLidarPretrainer(CameraNetworkMixin, LidarNetworkMixin, TaskModel):
    """A camera and a LiDAR network whose BEV maps have the same cells.

    Args:
        lidar: Parts of the LiDAR network.
        camera: Parts of the camera network.
        grid: Cells of both BEV maps: arguments of :class:`~.BEVGrid`.
        data_preprocessor: Collates, and normalizes images.
    """

    def __init__(
        self,
        lidar: PtsParts,
        camera: ImgParts,
        *,
        grid: ConfigDict,
        data_preprocessor: ConfigDict | None,
    ) -> None:
        super().__init__(data_preprocessor=data_preprocessor)
        self.grid = BEVGrid(**grid)
        self.build_camera_network(camera)
        self.build_lidar_network(lidar)

    def forward_tensor(self, inputs: Batch) -> dict[str, Tensor]:
        """Return the BEV maps "lidar" and "camera", each (B, C, Y, X)."""
        return {
            "lidar": self.extract_pts_bev(inputs["points"]),
            "camera": self.extract_img_bev(inputs),
        }
