"""Image augmentation of BEVFusion: scaling, cropping and rotating.

BEVFusion's augmentation of the images [1] is ``RandomScaleAndCropImages``,
``RandomFlipImages`` and ``RandomRotateImages`` in this order; its test-time form is
``ScaleAndCropImages``. Each view is transformed independently and records how in
``img_aug_matrix``.

Convention:
    - The image content moves by its pixel centers, exactly as ``img_aug_matrix`` says.
      The published code omits the half pixels of its resize.
    - Superpixels and pairs take the pixel nearest to the mapped position.
    - Pixels from outside the stored image are black and belong to no superpixel.

- [1] BEVFusion: Multi-Task Multi-Sensor Fusion with Unified Bird's-Eye View
  Representation, 2022, https://arxiv.org/abs/2205.13542
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_kd.datasets.transforms.base import (
    RandomTransform,
    Transform,
    check_range,
    select_pairs,
)
from perception_kd.datasets.transforms.image_geometry import (
    CropBox,
    check_size,
    compose_img_aug,
    crop_matrix,
    image_size,
    resize_image,
)
from perception_kd.registry import TRANSFORMS
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


@TRANSFORMS.register_module()
class ScaleAndCropImages(Transform):
    """Scale each image and keep its lower, middle part: BEVFusion at test time.

    This removes the sky. An image smaller than the part is padded with black.

    Reads: ``imgs``; ``superpixels``, ``pairing_*`` where present. Writes: the same, and
    ``img_aug_matrix``.

    Args:
        size: Height and width of the part in px.
        scale: Factor on the image's height and width.

    Raises:
        ValueError: If a setting is not positive.
    """

    def __init__(self, size: tuple[int, int] = (256, 704), scale: float = 0.48) -> None:
        self.size = check_size(size)
        (self.scale,) = _check_scales(scale)

    def __call__(self, sample: Sample) -> Sample:
        """Return the sample with each image scaled and cropped."""
        crops = [_place(image_size(img), self.scale, self.size, 0.5) for img in sample["imgs"]]
        return scale_and_crop(sample, crops, self.size)


@TRANSFORMS.register_module()
class RandomScaleAndCropImages(RandomTransform[list[ScaledCrop]]):
    """Scale each image randomly and keep a part at its lower edge.

    If the scaled image is wider than the part, the horizontal position is random. An
    image smaller than the part is padded with black.

    Reads: ``imgs``; ``superpixels``, ``pairing_*`` where present. Writes: the same, and
    ``img_aug_matrix``.

    Args:
        size: Height and width of the part in px.
        scale: Bounds of the uniformly drawn factor on the image's height and width.

    Raises:
        ValueError: If a setting is not positive, or the bounds do not ascend.
    """

    def __init__(
        self, size: tuple[int, int] = (256, 704), scale: tuple[float, float] = (0.38, 0.55)
    ) -> None:
        self.size = check_size(size)
        self.scale = check_range("scale", scale)
        _check_scales(*self.scale)

    def draw(self, sample: Sample, rng: np.random.Generator) -> list[ScaledCrop]:
        """Return the crop of each view."""
        return [
            _place(image_size(img), rng.uniform(*self.scale), self.size, rng.random())
            for img in sample["imgs"]
        ]

    def apply(self, sample: Sample, params: list[ScaledCrop]) -> Sample:
        """Return the sample with each image scaled and cropped."""
        return scale_and_crop(sample, params, self.size)


@TRANSFORMS.register_module()
class RandomRotateImages(RandomTransform[Array]):
    """Rotate each image about its center.

    Convention: a positive angle rotates the image content counter-clockwise.

    Reads: ``imgs``; ``superpixels``, ``pairing_*`` where present. Writes: the same, and
    ``img_aug_matrix``.

    Args:
        range_deg: Bounds of the uniformly drawn angle in degrees.

    Raises:
        ValueError: If the bounds do not ascend.
    """

    def __init__(self, range_deg: tuple[float, float] = (-5.4, 5.4)) -> None:
        self.range_deg = check_range("range_deg", range_deg)

    def draw(self, sample: Sample, rng: np.random.Generator) -> Array:
        """Return the angle of each view in rad, shape (V,)."""
        return np.deg2rad(rng.uniform(*self.range_deg, len(sample["imgs"])))

    def apply(self, sample: Sample, params: Array) -> Sample:
        """Return the sample with each image rotated by its angle in rad."""
        imgs = sample["imgs"]
        matrices = [
            rotation_matrix(angle, image_size(img)) for angle, img in zip(params, imgs, strict=True)
        ]
        turned = [
            cv2.warpAffine(img, matrix[:2], (img.shape[1], img.shape[0])).astype(np.uint8)
            for img, matrix in zip(imgs, matrices, strict=True)
        ]
        return move_views(sample, turned, matrices)


def rotation_matrix(angle: float, img_shape: tuple[int, int]) -> Array:
    """Return the map of pixels, (3, 3), for a rotation of an image about its center.

    Args:
        angle: In rad; positive rotates the content counter-clockwise.
        img_shape: Height and width of the image in px.
    """
    cos, sin = np.cos(angle), np.sin(angle)
    linear = np.array([[cos, sin], [-sin, cos]])
    middle = (np.array(img_shape[::-1]) - 1) / 2
    matrix = np.eye(3)
    matrix[:2, :2] = linear
    matrix[:2, 2] = middle - linear @ middle
    return matrix


def scale_and_crop(sample: Sample, crops: Sequence[ScaledCrop], size: tuple[int, int]) -> Sample:
    """Resize and crop each image; superpixels, pairs and matrices follow.

    Args:
        sample: The sample; it is not modified.
        crops: The crop of each of the V views.
        size: Height and width of the parts in px.
    """
    imgs, matrices = [], []
    for img, crop in zip(sample["imgs"], crops, strict=True):
        resized = resize_image(img, crop.resized, antialias=True)
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


def _place(
    img_shape: tuple[int, int], scale: float, size: tuple[int, int], from_left: float
) -> ScaledCrop:
    """Place the part at the lower edge, at a fraction of the free width."""
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


def _check_scales(*scales: Any) -> tuple[float, ...]:
    if not all(scale > 0 for scale in scales):
        raise ValueError(f"scale must be positive, but got {min(scales)}.")
    return tuple(float(scale) for scale in scales)
