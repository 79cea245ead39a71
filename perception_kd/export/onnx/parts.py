"""The dense parts of a network, which go into ONNX files."""

from collections.abc import Sequence
from typing import Any

import torch
from mmdet3d.models import PillarFeatureNet
from torch import Tensor, nn

from perception_kd.api.inference.network import TrainedNetwork
from perception_kd.export.onnx.left_behind import DEPTH_REASON
from perception_kd.export.onnx.modules import CameraBEV, DensePart, MapNetwork, PillarEncoder
from perception_kd.models.networks.camera_network import CameraNetworkMixin
from perception_kd.models.tasks.bev_task_model import BEVTaskModel
from perception_kd.models.view_transforms import DepthLSSViewTransform

# Cells and channels of the maps that are tried out; any number of cells is taken later.
_TRIED_PILLARS = 50


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
        parts += _lidar_map_parts(model)
    if isinstance(model, BEVTaskModel):
        parts += _map_parts(model, parts)
    if not parts:
        raise ValueError(
            f"The {type(model).__name__} of {net.path} has no dense part: its network is sparse "
            "convolutions throughout, which ONNX does not have. Export a folder, --to "
            "safetensors, or the weights for a stack that takes this network (docs/export.md)."
        )
    return parts


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
        "points of K pillars (K, slots, F), zero where there is none, their numbers (K,), and (0, "
        "0, row, column) (K, 4) to features (K, C)",
    )


def _lidar_map_parts(model: Any) -> list[DensePart]:
    """Return the network of the LiDAR's map, with the head if there are no cameras."""
    layers = [part for part in (model.pts_backbone, model.pts_neck) if part is not None]
    head = None
    if isinstance(model, BEVTaskModel) and model.fuser is None:
        layers += _after_sensors(model)
        head = getattr(model, model.head_name)
    if not layers and head is None:
        return []
    example = torch.rand(1, _in_channels([*layers, head]), *_map_shape(model)) - 0.3
    about = f"the map of pts_middle_encoder {tuple(example.shape)}"
    return [_map_part("lidar_map_network", MapNetwork(layers, head), {"bev": example}, about)]


def _map_parts(model: Any, parts: Sequence[DensePart]) -> list[DensePart]:
    """Return the network after the maps of cameras or both sensors, with the head."""
    if model.img_backbone is None:
        return []
    module = MapNetwork(_after_sensors(model), getattr(model, model.head_name), model.fuser)
    if model.fuser is None:
        shape = _shape_of_output(next(part for part in parts if part.name == "camera_bev"))
        about = f"the map of the cameras {shape}"
        return [_map_part("map_network", module, {"bev": torch.rand(shape) - 0.3}, about)]
    is_halved = not isinstance(model.view_transform.downsample, nn.Identity)
    rows, columns = (edge // (2 if is_halved else 1) for edge in model.view_transform.grid.shape)
    maps = {
        name: torch.rand(1, channels, rows, columns) - 0.3
        for name, channels in zip(("camera_bev", "lidar_bev"), model.fuser.in_channels, strict=True)
    }
    about = " and ".join(f"{name} {tuple(value.shape)}" for name, value in maps.items())
    return [_map_part("map_network", module, maps, about)]


def _map_part(name: str, module: MapNetwork, maps: dict[str, Tensor], about: str) -> DensePart:
    module.eval()
    with torch.no_grad():
        outputs = tuple(module.predict(tuple(maps.values())))
    return DensePart(name, module, maps, outputs, {}, f"{about} to {', '.join(outputs)}")


def _after_sensors(model: Any) -> list[nn.Module]:
    return [part for part in (model.bev_backbone, model.bev_neck) if part is not None]


def _shape_of_output(part: DensePart) -> tuple[int, ...]:
    with torch.no_grad():
        return tuple(part.module(*part.inputs.values()).shape)


def _in_channels(parts: Sequence[nn.Module | None]) -> int:
    layers = (layer for part in parts if part is not None for layer in part.modules())
    return int(next(layer for layer in layers if isinstance(layer, nn.Conv2d)).in_channels)


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
        if getattr(model, "pts_middle_encoder", None) is not None:
            return []
        raise ValueError(f"No part of {net.path} can go: {DEPTH_REASON}.")
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
