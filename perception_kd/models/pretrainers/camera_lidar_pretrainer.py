"""Common part of methods that compare the BEV maps of cameras and LiDAR."""

from torch import Tensor

from perception_kd.geometry.bev_grid import BEVGrid
from perception_kd.models.networks.camera_network import CameraNetworkMixin
from perception_kd.models.networks.lidar_network import LidarNetworkMixin
from perception_kd.models.networks.task_model import TaskModel
from perception_kd.structures import Batch, ConfigDict


class CameraLidarPretrainer(CameraNetworkMixin, LidarNetworkMixin, TaskModel):
    """A camera and a LiDAR network whose BEV maps have the same cells.

    Args:
        pts_voxelizer: Points to voxels.
        pts_voxel_encoder: Points of each voxel to one feature per voxel.
        pts_middle_encoder: Voxel features to a BEV map.
        pts_backbone: BEV map to levels of BEV maps.
        pts_neck: These levels to one.
        img_backbone: Images to levels of maps.
        img_neck: Levels of image features to levels, of which the first is used.
        view_transform: A level to the camera's BEV map.
        grid: Cells of both BEV maps: arguments of :class:`~.BEVGrid`.
        data_preprocessor: Collates, and normalizes images.
    """

    def __init__(
        self,
        *,
        pts_voxelizer: ConfigDict,
        pts_voxel_encoder: ConfigDict | None,
        pts_middle_encoder: ConfigDict,
        pts_backbone: ConfigDict | None,
        pts_neck: ConfigDict | None,
        img_backbone: ConfigDict,
        img_neck: ConfigDict | None,
        view_transform: ConfigDict,
        grid: ConfigDict,
        data_preprocessor: ConfigDict | None,
    ) -> None:
        super().__init__(data_preprocessor=data_preprocessor)
        self.grid = BEVGrid(**grid)
        self.build_camera_network(
            img_backbone=img_backbone, img_neck=img_neck, view_transform=view_transform
        )
        self.build_lidar_network(
            pts_voxelizer=pts_voxelizer,
            pts_voxel_encoder=pts_voxel_encoder,
            pts_middle_encoder=pts_middle_encoder,
            pts_backbone=pts_backbone,
            pts_neck=pts_neck,
        )

    def forward_tensor(self, inputs: Batch) -> dict[str, Tensor]:
        """Return the BEV maps "lidar" and "camera", each (B, C, Y, X)."""
        return {
            "lidar": self.extract_pts_bev(inputs["points"]),
            "camera": self.extract_img_bev(inputs),
        }
