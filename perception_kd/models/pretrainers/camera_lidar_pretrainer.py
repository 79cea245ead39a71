"""Common part of methods that compare the BEV maps of cameras and LiDAR."""

from torch import Tensor, nn

from perception_kd.geometry.bev_grid import BEVGrid
from perception_kd.models.networks.camera_network import CameraNetworkMixin, ImgParts
from perception_kd.models.networks.lidar_network import LidarNetworkMixin, PtsParts
from perception_kd.models.networks.task_model import TaskModel
from perception_kd.models.pretrainers.lidar_teacher import load_lidar_teacher
from perception_kd.structures import Batch, ConfigDict


class CameraLidarPretrainer(CameraNetworkMixin, LidarNetworkMixin, TaskModel):
    """A camera and a LiDAR network whose BEV maps have the same cells.

    The LiDAR network may be a frozen teacher: a subclass lists its ``teacher_parts``.

    Args:
        lidar: Parts of the LiDAR network.
        camera: Parts of the camera network.
        grid: Cells of both BEV maps: arguments of :class:`~.BEVGrid`.
        data_preprocessor: Collates, and normalizes images.
        teacher_checkpoint: File with all weights of the teacher, if there is one.
    """

    def __init__(
        self,
        lidar: PtsParts,
        camera: ImgParts,
        *,
        grid: ConfigDict,
        data_preprocessor: ConfigDict | None,
        teacher_checkpoint: str | None = None,
    ) -> None:
        super().__init__(data_preprocessor=data_preprocessor)
        self.grid = BEVGrid(**grid)
        self.build_camera_network(camera)
        self.build_lidar_network(lidar)
        self.teacher_checkpoint = teacher_checkpoint

    def teacher_parts(self) -> list[nn.Module]:
        """Return the parts of a teacher that have parameters; none by default."""
        return []

    def init_weights(self) -> None:
        """Initialize what learns, then load the teacher."""
        super().init_weights()
        if parts := self.teacher_parts():
            load_lidar_teacher(self, parts, self.teacher_checkpoint)

    def forward_tensor(self, inputs: Batch) -> dict[str, Tensor]:
        """Return the BEV maps "lidar" and "camera", each (B, C, Y, X)."""
        return {
            "lidar": self.extract_pts_bev(inputs["points"]),
            "camera": self.extract_img_bev(inputs),
        }
