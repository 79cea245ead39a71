"""Dense parts of networks as modules of tensors alone, which ONNX can hold."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from mmdet3d.models.dense_heads import CenterHead
from torch import Tensor, nn

from perception_kd.models.networks.camera_network import CameraNetworkMixin
from perception_kd.models.view_transforms import LSSViewTransform


class DensePart(NamedTuple):
    """A part of a network that goes into one file.

    Attributes:
        name: Name of the file without its suffix.
        module: Tensors in, tensors out.
        inputs: An example of the inputs, by name.
        outputs: Names of the outputs.
        free_axes: Axes of inputs and outputs whose length may change, by name: axis to
            the name of its length.
        about: What goes in and out, for the reader.
    """

    name: str
    module: nn.Module
    inputs: dict[str, Tensor]
    outputs: tuple[str, ...]
    free_axes: dict[str, dict[int, str]]
    about: str


class PillarEncoder(nn.Module):
    """Points of pillars to a feature per pillar.

    Args:
        encoder: The network's encoder.
    """

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, points: Tensor, num_points: Tensor, coors: Tensor) -> Tensor:
        """Return (K, C) of (K, slots, F), (K,) and (K, 4): sample, z, y, x."""
        return self.encoder(points, num_points, coors).flatten(1)


class MapNetwork(nn.Module):
    """BEV maps to features, and to what a head predicts from them.

    Args:
        parts: Parts from the map on, in their order.
        head: CenterPoint's head or a map head; None for the features.
        fuser: Two maps, of the cameras and of the LiDAR, to one; None for one map.
    """

    def __init__(
        self,
        parts: Sequence[nn.Module],
        head: nn.Module | None = None,
        fuser: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.fuser = fuser
        self.parts = nn.ModuleList(parts)
        self.head = head

    def extract(self, maps: Sequence[Tensor]) -> Tensor:
        """Return the features (1, C, Y, X)."""
        feats: Any = maps[0] if self.fuser is None else self.fuser(maps)
        for part in self.parts:
            feats = part(feats)
        if isinstance(feats, Tensor):
            return feats
        (feats,) = feats
        return feats

    def predict(self, maps: Sequence[Tensor]) -> dict[str, Tensor]:
        """Return the maps of the head by their names, or the features without one."""
        feats = self.extract(maps)
        if self.head is None:
            return {"features": feats}
        return flatten_maps(self.head([feats] if isinstance(self.head, CenterHead) else feats))

    def forward(self, *maps: Tensor) -> Any:
        """Return the features, or the maps of the head in their order."""
        found = self.predict(maps)
        return found["features"] if self.head is None else tuple(found.values())


class CameraBEV(nn.Module):
    """Images to a BEV map, with the cells of frustum points as a further input.

    The cells follow from calibration and image size alone, so that they are computed
    once per vehicle, and the file needs no matrices.

    Args:
        network: Network of the cameras.
    """

    def __init__(self, network: CameraNetworkMixin) -> None:
        super().__init__()
        transform = network.view_transform
        assert isinstance(transform, LSSViewTransform)
        assert network.img_backbone is not None
        self.img_backbone = network.img_backbone
        self.img_neck = network.img_neck if network.img_neck is not None else nn.Identity()
        self.depthnet = transform.depthnet
        self.downsample = transform.downsample
        self.num_depths = transform.num_depths
        self.grid = transform.grid.shape

    def forward(self, imgs: Tensor, cells: Tensor) -> Tensor:
        """Return the map of one sample.

        Args:
            imgs: Normalized images, shape (V, 3, H, W).
            cells: Row * X + column of the cell of every frustum point before the map is
                halved, -1 = off the grid, int64, shape (V, L, h, w).

        Returns:
            Shape (1, C, Y, X).
        """
        feats: Any = self.img_neck(self.img_backbone(imgs))
        feats = feats if isinstance(feats, Tensor) else feats[0]
        scores = self.depthnet(feats)
        depths = scores[:, : self.num_depths].softmax(dim=1)
        lifted = depths[:, None] * scores[:, self.num_depths :][:, :, None]
        rows, columns = self.grid
        # The last cell takes what is off the grid.
        index = torch.where(cells < 0, rows * columns, cells).flatten()
        products = lifted.permute(0, 2, 3, 4, 1).flatten(0, 3)
        sums = products.new_zeros(rows * columns + 1, products.shape[1])
        sums = sums.scatter_add(0, index[:, None].expand_as(products), products)[:-1]
        return self.downsample(sums.view(1, rows, columns, -1).permute(0, 3, 1, 2))


def flatten_maps(found: Any) -> dict[str, Tensor]:
    """Name the maps that a head returns.

    Args:
        found: A tensor, or as mmdet3d's CenterHead: for each task a list of one dict.
    """
    if isinstance(found, Tensor):
        return {"scores": found}
    return {
        f"task{number}_{name}": value
        for number, levels in enumerate(found)
        for name, value in levels[0].items()
    }
