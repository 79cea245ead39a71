"""The name of a model: method or task, networks, data."""

from collections.abc import Iterator, Mapping
from typing import Any

from perception_kd.export.model_card.card import name_method

# LiDAR networks by the part that tells them apart.
_LIDAR_NETWORKS = {
    "PillarFeatureNet": "PointPillars",
    "SparseEncoder": "VoxelNet",
    "MinkUNet": "MinkUNet",
}
_LIDAR_PARTS = ("pts_voxel_encoder", "pts_middle_encoder", "pts_backbone")
# Teachers whose weights are not part of the model.
_FROZEN = "FrozenBackbone"


def name_model(model: Mapping[str, Any], data: str) -> str:
    """Name a model by what it is.

    Args:
        model: The value of ``model`` in the config of its training.
        data: Name of the data.

    Example:
        >>> student = dict(pts_backbone=dict(type="MinkUNet"))
        >>> name_model(dict(type="SuperpixelDistillation", **student), "own recording")
        'SLidR, MinkUNet, own recording'
        >>> cameras = dict(img_backbone=dict(type="mmdet.ResNet", depth=50))
        >>> name_model(dict(type="BEVDetector", **cameras), "own recording")
        '3D detection, ResNet-50, own recording'
    """
    networks = " and ".join(_list_networks(model))
    parts = (name_method(_short(model["type"])), networks, data)
    return ", ".join(part for part in parts if part)


def _list_networks(model: Mapping[str, Any]) -> Iterator[str]:
    """Yield the camera's and the LiDAR's network, as far as the model has them."""
    camera = model.get("img_backbone")
    if isinstance(camera, Mapping) and camera.get("type") != _FROZEN:
        depth = camera.get("depth")
        yield _short(camera.get("type")) + (f"-{depth}" if isinstance(depth, int) else "")
    parts = [model.get(name) for name in _LIDAR_PARTS]
    kinds = [_short(part.get("type")) for part in parts if isinstance(part, Mapping)]
    if kinds:
        known = (_LIDAR_NETWORKS[kind] for kind in kinds if kind in _LIDAR_NETWORKS)
        yield next(known, kinds[-1])


def _short(kind: Any) -> str:
    """Return the name of a class, given with its scope or as an object."""
    return str(getattr(kind, "__name__", kind)).rpartition(".")[2]
