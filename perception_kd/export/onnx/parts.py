"""Dense parts of networks as modules of tensors alone, which ONNX can hold."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from mmdet3d.models import PillarFeatureNet
from torch import Tensor, nn

from perception_kd.api.inference.network import TrainedNetwork
from perception_kd.models.networks.camera_network import CameraNetworkMixin
from perception_kd.models.tasks.bev_task_model import BEVTaskModel
from perception_kd.models.view_transforms import DepthLSSViewTransform, LSSViewTransform

# Cells and channels of the maps that are tried out; any number of cells is taken later.
_TRIED_PILLARS = 50


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
        """Return (K, C) of (K, P, F), (K,) and (K, 4), the latter (sample, z, y, x)."""
        return self.encoder(points, num_points, coors).flatten(1)


class MapNetwork(nn.Module):
    """A BEV map of the LiDAR to features, and to what a head predicts from them.

    Args:
        parts: Parts from the map on, in their order.
        head: CenterPoint's head or a map head; None for the features.
    """

    def __init__(self, parts: Sequence[nn.Module], head: nn.Module | None) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)
        self.head = head

    def forward(self, bev: Tensor) -> Any:
        """Return the features (1, C, Y, X), or the maps of the head in their order."""
        feats: Any = bev
        for part in self.parts:
            feats = part(feats)
        if not isinstance(feats, Tensor):
            (feats,) = feats
        if self.head is None:
            return feats
        return tuple(flatten_maps(self.head([feats])).values())


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
                halved, -1 = off the grid, int64, shape (V, D, h, w).

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


def list_dense_parts(
    net: TrainedNetwork, image_size: tuple[int, int] | None, num_views: int
) -> list[DensePart]:
    """Return the dense parts of a network, in the order of the data.

    Args:
        net: Network on the CPU.
        image_size: Height and width of images after the training's steps; None for
            those of the network's pipeline.
        num_views: Number of cameras.

    Raises:
        ValueError: If there is none, or the size of images is not known.
    """
    model: Any = net.model
    parts = _camera_parts(net, image_size, num_views)
    if getattr(model, "pts_middle_encoder", None) is not None:
        if isinstance(model.pts_voxel_encoder, PillarFeatureNet):
            parts.append(_pillar_part(model))
        parts += _map_parts(model)
    if not parts:
        raise ValueError(
            f"The {type(model).__name__} of {net.path} has no dense part: its network is sparse "
            "convolutions throughout, which ONNX does not have. Export the weights for a stack "
            "that has them: --to pointcept."
        )
    return parts


def sparse_parts(net: TrainedNetwork) -> list[str]:
    """Return the parts that stay behind since they are sparse, with the reason."""
    model: Any = net.model
    encoder = getattr(model, "pts_middle_encoder", None)
    if encoder is None or isinstance(model.pts_voxel_encoder, PillarFeatureNet):
        return []
    return [
        f"pts_middle_encoder ({type(encoder).__name__}): sparse convolutions, which ONNX does not "
        "have; run it with spconv, and give its map to the file"
    ]


def _pillar_part(model: Any) -> DensePart:
    voxelizer, encoder = model.pts_voxelizer, model.pts_voxel_encoder
    generator = torch.Generator().manual_seed(0)
    num_points = voxelizer.max_num_points
    features = encoder.pfn_layers[0].linear.in_features - 6
    points = torch.rand(_TRIED_PILLARS, num_points, features, generator=generator)
    counts = torch.randint(1, num_points + 1, (_TRIED_PILLARS,), generator=generator)
    points *= (torch.arange(num_points) < counts[:, None])[..., None]
    coors = torch.randint(0, 8, (_TRIED_PILLARS, 4), generator=generator) * torch.tensor(
        [0, 0, 1, 1]
    )
    return DensePart(
        "pillar_encoder",
        PillarEncoder(encoder).eval(),
        {"points": points, "num_points": counts, "coors": coors},
        ("pillars",),
        {name: {0: "K"} for name in ("points", "num_points", "coors", "pillars")},
        "points of K pillars (K, P, F), zero where there is none, their numbers (K,), and (0, 0, "
        "row, column) (K, 4) to features (K, C)",
    )


def _map_parts(model: Any) -> list[DensePart]:
    fuses = getattr(model, "fuser", None) is not None
    parts = [part for part in (model.pts_backbone, model.pts_neck) if part is not None]
    head = None
    if not fuses and isinstance(model, BEVTaskModel):
        parts += [part for part in (model.bev_backbone, model.bev_neck) if part is not None]
        head = getattr(model, model.head_name)
    if not parts and head is None:
        return []
    rows, columns = _map_shape(model)
    example = torch.rand(1, _in_channels(model), rows, columns) - 0.3
    module = MapNetwork(parts, head).eval()
    with torch.no_grad():
        outputs = ("features",) if head is None else tuple(flatten_maps(_run_head(module, example)))
    return [
        DensePart(
            "lidar_map_network",
            module,
            {"bev": example},
            outputs,
            {},
            f"the map of pts_middle_encoder {tuple(example.shape)} to {', '.join(outputs)}",
        )
    ]


def _run_head(module: MapNetwork, example: Tensor) -> Any:
    head, module.head = module.head, None
    feats = module(example)
    module.head = head
    assert head is not None
    return head([feats])


def _in_channels(model: Any) -> int:
    first = next(
        layer
        for part in (model.pts_backbone, model.pts_neck, getattr(model, "pts_bbox_head", None))
        if part is not None
        for layer in part.modules()
        if isinstance(layer, nn.Conv2d)
    )
    return int(first.in_channels)


def _map_shape(model: Any) -> tuple[int, int]:
    """Return rows and columns of the map of the middle encoder."""
    _, rows, columns = model.pts_voxelizer.grid_shape
    if isinstance(model.pts_voxel_encoder, PillarFeatureNet):
        return rows, columns
    return rows // 8, columns // 8


def _camera_parts(
    net: TrainedNetwork, image_size: tuple[int, int] | None, num_views: int
) -> list[DensePart]:
    model = net.model
    if not isinstance(model, CameraNetworkMixin) or model.view_transform is None:
        return []
    transform = model.view_transform
    if isinstance(transform, DepthLSSViewTransform):
        raise ValueError(
            f"The view transform of {net.path} reads the points, whose depth images ONNX cannot "
            "draw; only networks with LSSViewTransform can be exported, not DepthLSSViewTransform."
        )
    size = image_size or net.image_size
    if size is None:
        raise ValueError(
            f"{net.path} does not say how large its images are; give --image-size HEIGHT WIDTH."
        )
    imgs = torch.rand(num_views, 3, *size, generator=torch.Generator().manual_seed(0)) - 0.5
    module = CameraBEV(model).eval()
    with torch.no_grad():
        height, width = model.extract_img_feats(imgs[:1]).shape[-2:]
    rows, columns = transform.grid.shape
    shape = (num_views, module.num_depths, height, width)
    cells = torch.randint(-1, rows * columns, shape, generator=torch.Generator().manual_seed(1))
    return [
        DensePart(
            "camera_bev",
            module,
            {"imgs": imgs, "cells": cells},
            ("bev",),
            {},
            f"normalized images {tuple(imgs.shape)} and the cells of their frustum points "
            f"{shape} to the map of the cameras",
        )
    ]
