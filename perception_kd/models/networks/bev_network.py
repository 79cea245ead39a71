"""Cameras, LiDAR or both to one BEV map: what detectors and map segmenters share."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from perception_kd.models.networks.lidar_network import LidarNetworkMixin, build_part
from perception_kd.models.view_transforms import Cameras

Config = dict[str, Any]


class BEVNetworkMixin(LidarNetworkMixin):
    """Images and clouds of a batch to features (B, C, Y, X), seen from above.

    - camera: ``img_backbone`` [> ``img_neck``] > ``view_transform``
    - LiDAR: ``pts_voxelizer`` > ... > ``pts_neck``, as in the parent class
    - both: ``fuser`` of the two maps
    - then [``bev_backbone`` > ``bev_neck``]

    Parts are attributes with mmdet3d's names, so that pre-trained ones load without
    renaming. A part that is not configured is None; a sensor without parts costs
    neither parameters nor time, and its data need not be loaded.
    """

    img_backbone: nn.Module | None
    img_neck: nn.Module | None
    view_transform: nn.Module | None
    fuser: nn.Module | None
    bev_backbone: nn.Module | None
    bev_neck: nn.Module | None

    def build_bev_network(
        self,
        img_backbone: Config | None = None,
        img_neck: Config | None = None,
        view_transform: Config | None = None,
        fuser: Config | None = None,
        bev_backbone: Config | None = None,
        bev_neck: Config | None = None,
        freeze_sensors: bool = False,
        **pts_network: Config | None,
    ) -> None:
        """Build the parts from their configs.

        Args:
            img_backbone: Images (V, 3, H, W) to one or several levels of maps.
            img_neck: Levels to levels, of which the first, the finest, is taken.
            view_transform: That level to a BEV map.
            fuser: List of the maps of camera and LiDAR, in this order, to one.
            bev_backbone: The map to levels of BEV maps.
            bev_neck: These levels to one.
            freeze_sensors: Whether only what follows the map of each sensor learns: a
                probe of pre-trained weights. Norms there still estimate statistics,
                without which those of random weights would have no scale.
            **pts_network: The LiDAR's parts by name, as in
                :meth:`~perception_kd.models.networks.lidar_network.LidarNetworkMixin.build_lidar_network`.

        Raises:
            ValueError: If there is no sensor, a camera network is half there, or there
                are not as many sensors as the presence of a fuser tells.
        """
        pts_network = {name: part for name, part in pts_network.items() if part is not None}
        _check_sensors(img_backbone, view_transform, fuser, bool(pts_network))
        if pts_network:
            self.build_lidar_network(**pts_network)  # type: ignore[arg-type]
        else:
            self.pts_voxelizer = None  # type: ignore[assignment]
            self.pts_voxel_encoder = self.pts_middle_encoder = None
            self.pts_backbone = self.pts_neck = None
        self.img_backbone = build_part(img_backbone)
        self.img_neck = build_part(img_neck)
        self.view_transform = build_part(view_transform)
        self.fuser = build_part(fuser)
        self.bev_backbone = build_part(bev_backbone)
        self.bev_neck = build_part(bev_neck)
        if freeze_sensors:
            for part in (*self.camera_network_parts(), *self.lidar_network_parts()):
                part.requires_grad_(False)

    def camera_network_parts(self) -> list[nn.Module]:
        """Return the parts of the camera's branch, up to its BEV map."""
        parts = (self.img_backbone, self.img_neck, self.view_transform)
        return [part for part in parts if part is not None]

    def extract_img_bev(self, inputs: Mapping[str, Any]) -> Tensor:
        """Compute the map of the cameras.

        Args:
            inputs: The batch of ``docs/sample.md`` with ``imgs`` and their matrices,
                and ``points`` where the view transform reads them.

        Returns:
            Shape (B, C, Y, X).

        Raises:
            ValueError: If the network has no cameras.
        """
        if self.img_backbone is None or self.view_transform is None:
            raise ValueError("img_backbone and view_transform must be given, but got neither.")
        feats = self.img_backbone(inputs["imgs"])
        if self.img_neck is not None:
            feats = self.img_neck(feats)
        finest = feats if isinstance(feats, Tensor) else feats[0]
        return self.view_transform(finest, Cameras.from_inputs(inputs), inputs.get("points"))

    def extract_bev(self, inputs: Mapping[str, Any]) -> Tensor:
        """Compute the map of all sensors that the network has.

        Args:
            inputs: The batch of ``docs/sample.md`` with what these sensors give.

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
    img_backbone: Config | None, view_transform: Config | None, fuser: Config | None, points: bool
) -> None:
    if (img_backbone is None) != (view_transform is None):
        raise ValueError(
            "img_backbone and view_transform must be given together, but got "
            f"{img_backbone} and {view_transform}."
        )
    num_sensors = int(img_backbone is not None) + int(points)
    if num_sensors == 0:
        raise ValueError("Parts of camera or LiDAR must be given, but got neither.")
    if (fuser is not None) != (num_sensors == 2):
        raise ValueError(
            f"fuser must be given for two sensors and only then, but got {fuser} for {num_sensors}."
        )
