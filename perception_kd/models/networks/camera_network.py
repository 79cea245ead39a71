"""The camera network of pre-trainers, detectors and map segmentors."""

from dataclasses import dataclass

from torch import Tensor, nn

from perception_kd.models.networks.lidar_network import build_part
from perception_kd.models.view_transforms import Cameras
from perception_kd.structures import Batch, ConfigDict


@dataclass(frozen=True)
class ImgParts:
    """Configs of the parts of a camera network, in the order of the data.

    Attributes:
        img_backbone: Images (V, 3, H, W) to one or several levels of maps.
        img_neck: Levels to levels, of which the first, the finest, is used.
        view_transform: The first level of the neck, or of the backbone, to a BEV map.
    """

    img_backbone: ConfigDict | None
    img_neck: ConfigDict | None
    view_transform: ConfigDict | None


class CameraNetworkMixin(nn.Module):
    """Images to a BEV map: ``img_backbone`` [> ``img_neck``] > ``view_transform``.

    Parts are attributes with mmdet3d's names, so that pre-trained ones load without
    renaming. A part without a config is None.
    """

    img_backbone: nn.Module | None
    img_neck: nn.Module | None
    view_transform: nn.Module | None

    def build_camera_network(self, parts: ImgParts) -> None:
        """Build the camera branch from its configs."""
        self.img_backbone = build_part(parts.img_backbone)
        self.img_neck = build_part(parts.img_neck)
        self.view_transform = build_part(parts.view_transform)

    def camera_network_parts(self) -> list[nn.Module]:
        """Return the parts of the camera branch, up to its BEV map."""
        parts = (self.img_backbone, self.img_neck, self.view_transform)
        return [part for part in parts if part is not None]

    def extract_img_feats(self, imgs: Tensor) -> Tensor:
        """Compute the finest map of features of each image.

        Args:
            imgs: Normalized images, shape (V, 3, H, W).

        Returns:
            Shape (V, C, h, w).

        Raises:
            ValueError: If the network has no cameras.
        """
        if self.img_backbone is None:
            raise ValueError("The network has no cameras: give img_backbone and view_transform.")
        feats = self.img_backbone(imgs)
        if self.img_neck is not None:
            feats = self.img_neck(feats)
        return feats if isinstance(feats, Tensor) else feats[0]

    def extract_img_bev(self, inputs: Batch) -> Tensor:
        """Compute the BEV map of the cameras.

        Args:
            inputs: The batch of ``docs/sample.md`` with ``imgs`` and their matrices,
                and ``points`` if the view transform reads them.

        Returns:
            Shape (B, C, Y, X).

        Raises:
            ValueError: If the network has no cameras.
        """
        if self.img_backbone is None or self.view_transform is None:
            raise ValueError("The network has no cameras: give img_backbone and view_transform.")
        feats = self.extract_img_feats(inputs["imgs"])
        return self.view_transform(feats, Cameras.from_inputs(inputs), inputs.get("points"))
