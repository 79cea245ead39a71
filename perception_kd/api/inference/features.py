"""Features at points, on images and on BEV maps, of any model of this project."""

import torch
from torch import Tensor, nn

from perception_kd.geometry.bev_grid import BEVGrid, sample_bev
from perception_kd.geometry.voxelization import Voxels
from perception_kd.models.networks.camera_network import CameraNetworkMixin
from perception_kd.models.networks.lidar_network import LidarNetworkMixin, PointHead
from perception_kd.models.pretrainers.image_to_lidar import ImageToLidarPretrainer
from perception_kd.models.tasks.bev_task_model import BEVTaskModel
from perception_kd.models.voxelizers import HardVoxelizer
from perception_kd.structures import Batch

# Heads that read features at points themselves, and projectors of what is read at them.
_HEADS = ("pts_head", "pts_seg_head")
_PROJECTORS = ("pts_projector", "pts_relation_projector")


def has_points(model: nn.Module) -> bool:
    """Return whether a model has a LiDAR network."""
    return (
        isinstance(model, LidarNetworkMixin) and getattr(model, "pts_voxelizer", None) is not None
    )


def has_images(model: nn.Module) -> bool:
    """Return whether a model has an image network."""
    return getattr(model, "img_backbone", None) is not None


def has_image_bev(model: nn.Module) -> bool:
    """Return whether a model has a BEV map of cameras."""
    return isinstance(model, CameraNetworkMixin) and model.view_transform is not None


def has_lidar_bev(model: nn.Module) -> bool:
    """Return whether a model has a BEV map of the LiDAR."""
    return has_points(model) and getattr(model, "pts_middle_encoder", None) is not None


def fuses(model: nn.Module) -> bool:
    """Return whether a model makes one BEV map of all its sensors."""
    return isinstance(model, BEVTaskModel)


def point_feats(model: LidarNetworkMixin, points: list[Tensor], *, head: bool) -> Tensor:
    """Compute a feature for every point.

    Args:
        model: Model with a LiDAR network.
        points: One point cloud per sample, each (N_b, 5).
        head: Whether features pass the model's head, or are the network's own.

    Returns:
        Features in the order of the concatenated points, (N, C).

    Raises:
        ValueError: If the model has no head at points.
    """
    reader = _find_head(model) if head else None
    if head and reader is None:
        raise ValueError(
            f"A {type(model).__name__} has no head at points; give head=False for its BEV map read "
            "at the points, or take the map: net.bev(cloud)."
        )
    return model.extract_pts_feat(points, reader or _read_own(model)).feats


def image_feats(model: nn.Module, imgs: Tensor, *, head: bool) -> Tensor:
    """Compute a map of features for every image.

    Args:
        model: Model with an image network.
        imgs: Normalized images, (V, 3, H, W).
        head: Whether the teacher's features are projected to those that are compared
            with points. Camera networks have no such head.

    Returns:
        Shape (V, C, h, w).
    """
    if isinstance(model, ImageToLidarPretrainer):
        feats: Tensor = model.img_backbone(imgs)
        return model.img_head.project(feats) if head else feats
    assert isinstance(model, CameraNetworkMixin)
    return model.extract_img_feats(imgs)


def bev_map(model: nn.Module, inputs: Batch) -> Tensor:
    """Compute a BEV map: of all sensors, else of the cameras if there are images.

    Returns:
        Shape (B, C, Y, X).
    """
    if isinstance(model, BEVTaskModel):
        return model.extract_bev(inputs)
    if "imgs" in inputs and isinstance(model, CameraNetworkMixin):
        return model.extract_img_bev(inputs)
    assert isinstance(model, LidarNetworkMixin)
    return model.extract_pts_bev(inputs["points"])


def _find_head(model: nn.Module) -> PointHead | None:
    """Return the head that a model applies to features at points, None without one."""
    for name in _HEADS:
        if hasattr(model, name):
            head: PointHead = getattr(model, name)
            return head
    for name in _PROJECTORS:
        projector, grid = getattr(model, name, None), getattr(model, "grid", None)
        if projector is not None and grid is not None:
            return _projecting(projector, grid)
    return None


def _projecting(projector: nn.Module, grid: BEVGrid) -> PointHead:
    def read(feats: Tensor, points: list[Tensor], voxels: Voxels) -> Tensor:
        sampled, on_grid = sample_bev(feats, points, grid)
        seen = on_grid & (voxels.point2voxel >= 0)
        return torch.where(seen[:, None], projector(sampled), 0.0)

    return read


def _read_own(model: LidarNetworkMixin) -> PointHead:
    """Return a function that reads a network's own features at points."""

    def read(feats: Tensor, points: list[Tensor], voxels: Voxels) -> Tensor:
        if model.pts_middle_encoder is None:
            padded = torch.cat([feats, feats.new_zeros(1, feats.shape[1])])
            return padded[voxels.point2voxel]  # -1 is the row of zeros
        sampled, on_grid = sample_bev(feats, points, _find_grid(model, feats))
        return torch.where((on_grid & (voxels.point2voxel >= 0))[:, None], sampled, 0.0)

    return read


def _find_grid(model: LidarNetworkMixin, bev: Tensor) -> BEVGrid:
    """Return the grid of a LiDAR network's map: the range of its voxels."""
    head = getattr(model, "pts_head", None)
    declared = getattr(model, "grid", None) or getattr(head, "grid", None)
    if isinstance(declared, BEVGrid):
        return declared
    voxelizer = model.pts_voxelizer
    assert isinstance(voxelizer, HardVoxelizer)
    lower = voxelizer.lower.tolist()
    cells = voxelizer.voxel_size.new_tensor(voxelizer.grid_shape).flip(0)
    upper = (voxelizer.lower + cells * voxelizer.voxel_size).tolist()
    return BEVGrid((*lower, *upper), (upper[0] - lower[0]) / bev.shape[3])
