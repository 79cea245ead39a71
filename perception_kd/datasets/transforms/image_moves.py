"""Move images by resizing, cropping and rotating, with all that belongs to them.

The conventions are those of
:mod:`~perception_kd.datasets.transforms.bevfusion_images`.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from perception_kd.datasets.transforms.base import select_pairs
from perception_kd.datasets.transforms.image_geometry import (
    CropBox,
    compose_img_aug,
    crop_matrix,
    image_size,
    resize_image,
)
from perception_kd.structures import Array, Image, Sample


class ScaledCrop(NamedTuple):
    """A crop of a resized image.

    Attributes:
        resized: Height and width that the whole image is resized to, in px.
        top: Row of the resized image that becomes the first one; may be negative.
        left: Column that becomes the first one; may be negative.
    """

    resized: tuple[int, int]
    top: int
    left: int


def rotation_matrix(angle: float, img_shape: tuple[int, int]) -> Array:
    """Return the map of pixels, (3, 3), for a rotation of an image about its center.

    Args:
        angle: Angle in rad; positive rotates the content counter-clockwise.
        img_shape: Height and width of the image in px.
    """
    cos, sin = np.cos(angle), np.sin(angle)
    linear = np.array([[cos, sin], [-sin, cos]])
    middle = (np.array(img_shape[::-1]) - 1) / 2
    matrix = np.eye(3)
    matrix[:2, :2] = linear
    matrix[:2, 2] = middle - linear @ middle
    return matrix


def scale_and_crop(
    sample: Sample, crops: Sequence[ScaledCrop], size: tuple[int, int], bicubic: bool = False
) -> Sample:
    """Resize and crop each image; superpixels, pairs and matrices follow.

    Args:
        sample: The sample; it is not modified.
        crops: The crop of each of the V views.
        size: Height and width of the parts in px.
        bicubic: Whether images are resized by a cubic kernel; else by a linear one.
    """
    imgs, matrices = [], []
    for img, crop in zip(sample["imgs"], crops, strict=True):
        resized = resize_image(img, crop.resized, antialias=True, bicubic=bicubic)
        imgs.append(_cut_padded(resized, crop, size))
        matrix = crop_matrix(CropBox(0, 0, *image_size(img)), crop.resized)
        matrix[:2, 2] -= (crop.left, crop.top)
        matrices.append(matrix)
    return move_views(sample, imgs, matrices)


def move_views(sample: Sample, imgs: list[Image], matrices: Sequence[Array]) -> Sample:
    """Replace each image by a transformed one; superpixels, pairs and matrices follow.

    Reads: ``imgs``; ``superpixels``, ``pairing_*`` where present. Writes: the same, and
    ``img_aug_matrix``. Pairs that leave their image are dropped.

    Args:
        sample: The sample; it is not modified.
        imgs: The transformed images.
        matrices: Map of current to transformed pixels (u, v, 1) per view, V of (3, 3).
    """
    moved = compose_img_aug(sample, matrices)
    moved["imgs"] = imgs
    if "superpixels" in sample:
        moved["superpixels"] = [
            _move_nearest(superpixels, matrix, image_size(img))
            for superpixels, matrix, img in zip(sample["superpixels"], matrices, imgs, strict=True)
        ]
    if "pairing_images" not in sample:
        return moved

    view, row, col = sample["pairing_images"].T
    pixels = np.stack([col, row, np.ones_like(row)], axis=1)[:, None]
    pixels = pixels @ np.asarray(matrices).reshape(-1, 3, 3).transpose(0, 2, 1)[view]
    col, row = np.rint(pixels[:, 0, :2]).astype(np.int64).T
    height, width = np.array([image_size(img) for img in imgs]).reshape(-1, 2)[view].T
    moved["pairing_images"] = np.stack([view, row, col], axis=1)
    return select_pairs(moved, (row >= 0) & (row < height) & (col >= 0) & (col < width))


def _move_nearest(
    ids: NDArray[np.int32], matrix: Array, size: tuple[int, int]
) -> NDArray[np.int32]:
    """Transform a map of ids, (H, W), by nearest pixels; -1 outside the source."""
    source_row, source_col = np.linalg.inv(matrix)[[1, 0]]
    u, v = np.arange(size[1])[None], np.arange(size[0])[:, None]
    row, col = (
        np.rint(along_u * u + along_v * v + offset).astype(np.int64)
        for along_u, along_v, offset in (source_row, source_col)
    )
    inside = (row >= 0) & (row < ids.shape[0]) & (col >= 0) & (col < ids.shape[1])
    return np.where(inside, ids[row * inside, col * inside], -1).astype(np.int32)


def fit_factor(img_shape: tuple[int, int], into: tuple[int, int] | None) -> float:
    """Return the factor by which an image just fits into a size.

    Args:
        img_shape: Height and width of the image in px.
        into: Height and width of that size in px; None means that of the image.

    Example:
        >>> fit_factor((900, 1600), (900, 1600)), fit_factor((480, 640), (900, 1600))
        (1.0, 1.875)
    """
    height, width = img_shape
    return 1.0 if into is None else min(into[0] / height, into[1] / width)


def place_crop(
    img_shape: tuple[int, int], scale: float, size: tuple[int, int], from_left: float
) -> ScaledCrop:
    """Place a part at the lower edge of a scaled image.

    Args:
        img_shape: Height and width of the image in px.
        scale: Factor on both.
        size: Height and width of the part in px.
        from_left: Fraction of the free width that is left of the part, 0..1.
    """
    height, width = (max(int(edge * scale), 1) for edge in img_shape)
    return ScaledCrop((height, width), height - size[0], int(max(width - size[1], 0) * from_left))


def _cut_padded(img: Image, crop: ScaledCrop, size: tuple[int, int]) -> Image:
    part = np.zeros((*size, 3), dtype=np.uint8)
    to_rows, from_rows = _overlap(crop.top, size[0], img.shape[0])
    to_cols, from_cols = _overlap(crop.left, size[1], img.shape[1])
    part[to_rows, to_cols] = img[from_rows, from_cols]
    return part


def _overlap(start: int, length: int, available: int) -> tuple[slice, slice]:
    """Return the overlap of a part and the image along one axis, as a slice of each."""
    first, end = max(start, 0), min(start + length, available)
    return slice(first - start, end - start), slice(first, end)
