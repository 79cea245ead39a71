"""Rays of cameras through a BEV grid, under image and LiDAR augmentation."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from perception_kd.geometry.bev_grid import BEVGrid
from perception_kd.structures import Batch
from perception_kd.utils.checks import check_shape
from perception_kd.utils.constants import constant


class Cameras(NamedTuple):
    """The cameras of a batch: V views of B samples, as in ``docs/sample.md``.

    Attributes:
        lidar2cam: Transforms from unaugmented LiDAR coordinates, shape (V, 4, 4).
        cam2img: Intrinsics of the stored images in px, shape (V, 3, 3).
        img_aug_matrix: Transforms from pixels (u, v, 1) of the stored to the present
            images, shape (V, 3, 3).
        lidar_aug_matrix: Transforms from LiDAR coordinates to augmented ones, shape
            (B, 4, 4).
        view_sample: Index of the sample of each view, int64, shape (V,).
        img_shape: Height and width of the present images in px.
    """

    lidar2cam: Tensor
    cam2img: Tensor
    img_aug_matrix: Tensor
    lidar_aug_matrix: Tensor
    view_sample: Tensor
    img_shape: tuple[int, int]

    @classmethod
    def from_inputs(cls, inputs: Batch) -> "Cameras":
        """Read the cameras of a batch.

        Raises:
            ValueError: If a matrix is missing.
        """
        matrices = cls._fields[:-1]
        missing = [key for key in matrices if key not in inputs]
        if missing:
            raise ValueError(
                f"inputs has no {', '.join(missing)}, but needs {', '.join(matrices)}; "
                "load the images with PackInputs at the end of the pipeline."
            )
        height, width = inputs["imgs"].shape[-2:]
        values: Mapping[str, Any] = inputs
        return cls(**{key: values[key] for key in matrices}, img_shape=(height, width))

    @property
    def batch_size(self) -> int:
        """Number of samples B."""
        return len(self.lidar_aug_matrix)

    def cam2augmented(self) -> Tensor:
        """Return transforms from each camera to augmented LiDAR coordinates, (V, 4, 4).

        They are float64, which autocast does not change.
        """
        lidar_aug = self.lidar_aug_matrix.double()[self.view_sample]
        return lidar_aug @ torch.linalg.inv(self.lidar2cam.double())


def feature_pixels(
    img_shape: tuple[int, int],
    feat_shape: tuple[int, int],
    align_corners: bool,
    device: torch.device | None = None,
) -> tuple[Tensor, Tensor]:
    """Return the positions of the cells of a feature map on an image.

    Args:
        img_shape: Height H and width W of the image in px.
        feat_shape: Height h and width w of the feature map.
        align_corners: If False, a cell is at the center of its H / h x W / w px. If
            True, the outer cells are at the outer pixels, as in LSS and BEVFusion.
        device: Device of the results; the CPU by default.

    Returns:
        Columns u, shape (w,), and rows v, shape (h,), in px, float64.
    """
    rows_cols = []
    for img_size, feat_size in zip(img_shape, feat_shape, strict=True):
        if align_corners:
            rows_cols.append(
                torch.linspace(0, img_size - 1, feat_size, dtype=torch.float64, device=device)
            )
        else:
            cells = torch.arange(feat_size, dtype=torch.float64, device=device)
            rows_cols.append((cells + 0.5) * img_size / feat_size - 0.5)
    return rows_cols[1], rows_cols[0]


def camera_rays(
    cameras: Cameras, feat_shape: tuple[int, int], align_corners: bool = False
) -> tuple[Tensor, Tensor]:
    """Return origins and rays of feature cells in augmented LiDAR coordinates.

    A cell at a depth is the point ``origin + depth * ray``: the third coordinate of a
    ray in its camera is 1.

    Args:
        cameras: The cameras.
        feat_shape: Height h and width w of the feature map.
        align_corners: Whether the outer cells are at the outer pixels of the image.

    Returns:
        Origins in m, shape (V, 3), and rays, shape (V, h, w, 3), float64.
    """
    device = cameras.cam2img.device
    u, v = feature_pixels(cameras.img_shape, feat_shape, align_corners, device)
    pixels = torch.stack([*torch.meshgrid(u, v, indexing="xy"), u.new_ones(feat_shape)], dim=-1)
    img2cam = torch.linalg.inv(cameras.img_aug_matrix.double() @ cameras.cam2img.double())
    cam2augmented = cameras.cam2augmented()
    img2augmented = cam2augmented[:, :3, :3] @ img2cam
    rays = torch.einsum("vij,hwj->vhwi", img2augmented, pixels)
    return cam2augmented[:, :3, 3], rays


def frustum_cells(
    cameras: Cameras,
    feat_shape: tuple[int, int],
    depths: Tensor,
    grid: BEVGrid,
    align_corners: bool = False,
    truncate: bool = False,
) -> Tensor:
    """Return the BEV cell of every frustum point, that is of a feature cell at a depth.

    Args:
        cameras: The cameras.
        feat_shape: Height h and width w of the feature map.
        depths: Distances along the optical axis in m, shape (L,).
        grid: The BEV grid; points below or above its range are off it.
        align_corners: Whether the outer cells are at the outer pixels of the image.
        truncate: Whether points less than a cell beyond the lower ends, also of the
            height, which is one cell, are in the first cells.

    Returns:
        Flat indices of (B, Y, X), -1 = off the grid, int32, shape (V, L, h, w).

    Raises:
        ValueError: If ``depths`` is not a vector.
    """
    check_shape("depths", depths, ("L",))
    origins, rays = camera_rays(cameras, feat_shape, align_corners)
    lower = constant(grid.point_cloud_range[:3], origins.dtype, origins.device)
    height = grid.point_cloud_range[5] - grid.point_cloud_range[2]
    # In cells, and in fractions of the height, from the lower ends.
    unit = constant((grid.cell_size, grid.cell_size, height), origins.dtype, origins.device)
    origins = ((origins - lower) / unit).float()[:, None, None, None]
    rays = (rays / unit).float()[:, None]
    along = depths.to(rays)[:, None, None]
    rows, columns = grid.shape
    round_down = torch.trunc if truncate else torch.floor
    x, y, z = (round_down(origins[..., axis] + along * rays[..., axis]) for axis in range(3))
    on_grid = (x >= 0) & (x < columns) & (y >= 0) & (y < rows) & (z == 0)
    first = cameras.view_sample[:, None, None, None].int() * (rows * columns)
    # Clamp before the cast: numbers beyond the grid may not fit into an int32.
    cells = y.clamp(0, rows - 1).int() * columns + x.clamp(0, columns - 1).int() + first
    return torch.where(on_grid, cells, -1)
