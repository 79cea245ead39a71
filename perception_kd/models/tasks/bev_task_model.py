"""Common part of detection and map segmentation: sensors to one bird's-eye-view map."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from torch import Tensor, nn

from perception_kd.models.networks.camera_network import CameraNetworkMixin, ImgParts
from perception_kd.models.networks.lidar_network import LidarNetworkMixin, PtsParts, build_part
from perception_kd.models.networks.task_model import TaskModel
from perception_kd.registry import MODELS
from perception_kd.structures import Batch, ConfigDict


class BEVTaskModel(CameraNetworkMixin, LidarNetworkMixin, TaskModel):
    """A head on the map of LiDAR, cameras or both.

    - camera: ``img_backbone`` [> ``img_neck``] > ``view_transform``
    - LiDAR: ``pts_voxelizer`` > ... > ``pts_neck``
    - both: ``fuser`` of the two maps
    - then [``bev_backbone`` > ``bev_neck``] and the head

    A sensor without parts costs neither parameters nor time, and its data need not be
    loaded. A subclass names its head in ``head_name``.

    Args:
        pts_bbox_head: Head of :class:`BEVDetector`.
        map_head: Head of :class:`BEVMapSegmentor`.
        pts_voxelizer: Points to voxels; None without LiDAR, like all ``pts_*``.
        pts_voxel_encoder: Points of each voxel to one feature per voxel.
        pts_middle_encoder: Voxel features to a BEV map.
        pts_backbone: BEV map to levels of BEV maps.
        pts_neck: These levels to one.
        img_backbone: Images (V, 3, H, W) to one or several levels of maps; None
            without cameras, like ``img_neck`` and ``view_transform``.
        img_neck: Levels to levels, of which the first, the finest, is used.
        view_transform: That level to a BEV map.
        fuser: List of the maps of camera and LiDAR, in this order, to one.
        bev_backbone: The map to levels of BEV maps.
        bev_neck: These levels to one.
        freeze_sensors: Freeze both sensor branches up to their BEV maps: a probe of
            pre-trained weights. Their norms still estimate statistics, without
            which features of random weights would have no scale.
        data_preprocessor: Collates samples.

    Raises:
        ValueError: If there is no sensor, a branch is incomplete, a fuser is given for
            one sensor or missing for two, or the head is not that of the task.
    """

    head_name: ClassVar[str]
    fuser: nn.Module | None
    bev_backbone: nn.Module | None
    bev_neck: nn.Module | None

    def __init__(
        self,
        *,
        pts_bbox_head: ConfigDict | None = None,
        map_head: ConfigDict | None = None,
        pts_voxelizer: ConfigDict | None = None,
        pts_voxel_encoder: ConfigDict | None = None,
        pts_middle_encoder: ConfigDict | None = None,
        pts_backbone: ConfigDict | None = None,
        pts_neck: ConfigDict | None = None,
        img_backbone: ConfigDict | None = None,
        img_neck: ConfigDict | None = None,
        view_transform: ConfigDict | None = None,
        fuser: ConfigDict | None = None,
        bev_backbone: ConfigDict | None = None,
        bev_neck: ConfigDict | None = None,
        freeze_sensors: bool = False,
        data_preprocessor: ConfigDict | None = None,
    ) -> None:
        super().__init__(data_preprocessor=data_preprocessor)
        with_lidar = any(
            (pts_voxelizer, pts_voxel_encoder, pts_middle_encoder, pts_backbone, pts_neck)
        )
        _check_sensors(img_backbone, view_transform, fuser, with_lidar)
        if pts_voxelizer is not None:
            self.build_lidar_network(
                PtsParts(
                    pts_voxelizer, pts_voxel_encoder, pts_middle_encoder, pts_backbone, pts_neck
                )
            )
        elif with_lidar:
            raise ValueError("A LiDAR branch needs a pts_voxelizer, but got None.")
        else:
            self.pts_voxelizer = None  # type: ignore[assignment]
            self.pts_voxel_encoder = self.pts_middle_encoder = None
            self.pts_backbone = self.pts_neck = None
        self.build_camera_network(ImgParts(img_backbone, img_neck, view_transform))
        self.fuser = build_part(fuser)
        self.bev_backbone = build_part(bev_backbone)
        self.bev_neck = build_part(bev_neck)
        if freeze_sensors:
            for part in (*self.camera_network_parts(), *self.lidar_network_parts()):
                part.requires_grad_(False)

        self._build_head({"pts_bbox_head": pts_bbox_head, "map_head": map_head})

    def _build_head(self, heads: Mapping[str, ConfigDict | None]) -> None:
        given = [name for name, head in heads.items() if head is not None]
        if given != [self.head_name]:
            raise ValueError(
                f"{type(self).__name__} needs {self.head_name} and no other head, but got "
                f"{' and '.join(given) or 'none'}."
            )
        setattr(self, self.head_name, MODELS.build(heads[self.head_name]))

    def extract_bev(self, inputs: Batch) -> Tensor:
        """Compute the BEV map of all sensors of the network.

        Args:
            inputs: The batch of ``docs/sample.md`` with the data of these sensors.

        Returns:
            Shape (B, C, Y, X), rows along y and columns along x.

        Raises:
            ValueError: If the network ends in more than one level of maps.
        """
        maps = []
        if self.img_backbone is not None:
            maps.append(self.extract_img_bev(inputs))
        if self.pts_middle_encoder is not None:
            maps.append(self.extract_pts_bev(inputs["points"]))
        bev: Tensor | Sequence[Tensor] = maps[0] if self.fuser is None else self.fuser(maps)
        for part in (self.bev_backbone, self.bev_neck):
            if part is not None:
                bev = part(bev)
        if isinstance(bev, Tensor):
            return bev
        if len(bev) != 1:
            raise ValueError(
                f"The network must end in one level of maps, but got {len(bev)}; add a bev_neck."
            )
        return bev[0]


def _check_sensors(
    img_backbone: ConfigDict | None,
    view_transform: ConfigDict | None,
    fuser: ConfigDict | None,
    points: bool,
) -> None:
    if (img_backbone is None) != (view_transform is None):
        raise ValueError(
            "Give img_backbone and view_transform together; got "
            f"{img_backbone} and {view_transform}."
        )
    num_sensors = int(img_backbone is not None) + int(points)
    if num_sensors == 0:
        raise ValueError("The network has no sensor: give img_* parts, pts_* parts or both.")
    if (fuser is not None) != (num_sensors == 2):
        raise ValueError(
            f"A fuser is needed for two sensors and only then; got {fuser} for {num_sensors}."
        )
