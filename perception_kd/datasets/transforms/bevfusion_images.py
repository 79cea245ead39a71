"""Image augmentation of BEVFusion: scaling, cropping and rotating.

BEVFusion's augmentation of the images [1] is ``RandomScaleAndCropImages``,
``RandomFlipImages`` and ``RandomRotateImages`` in this order; its test-time form is
``ScaleAndCropImages``. Each view is transformed independently and records how in
``img_aug_matrix``.

A factor is right for one size of images. ``scale_for`` states that size; an image of
another size is treated as if it had first been scaled to fit into it. A network then
sees at least the same share of height and width of each camera, whatever its number of
pixels and its aspect ratio.

Convention:
    - The image content moves by its pixel centers, exactly as ``img_aug_matrix`` says.
      The published code omits the half pixels of its resize.
    - Superpixels and pairs take the pixel nearest to the mapped position.
    - Pixels from outside the stored image are black and belong to no superpixel.

- [1] BEVFusion: Multi-Task Multi-Sensor Fusion with Unified Bird's-Eye View
  Representation, 2022, https://arxiv.org/abs/2205.13542
"""

from typing import Any

import cv2
import numpy as np

from perception_kd.datasets.transforms.base import RandomTransform, Transform, check_range
from perception_kd.datasets.transforms.image_geometry import check_size, image_size
from perception_kd.datasets.transforms.image_moves import (
    ScaledCrop,
    fit_factor,
    move_views,
    place_crop,
    rotation_matrix,
    scale_and_crop,
)
from perception_kd.registry import TRANSFORMS
from perception_kd.structures import Array, Sample


@TRANSFORMS.register_module()
class ScaleAndCropImages(Transform):
    """Scale each image and keep its lower, middle part: BEVFusion at test time.

    This removes the sky. An image smaller than the part is padded with black.

    Reads: ``imgs``; ``superpixels``, ``pairing_*`` where present. Writes: the same, and
    ``img_aug_matrix``.

    Args:
        size: Height and width of the part in px.
        scale: Factor on the image's height and width.
        scale_for: Height and width in px of the images that ``scale`` is meant for;
            None means images of any size.
        bicubic: Whether images are resized by a cubic kernel, as in BEVFusion; else by
            a linear one.

    Raises:
        ValueError: If a setting is not positive.
    """

    def __init__(
        self,
        size: tuple[int, int] = (256, 704),
        scale: float = 0.48,
        scale_for: tuple[int, int] | None = None,
        bicubic: bool = False,
    ) -> None:
        self.size = check_size(size)
        (self.scale,) = _check_scales(scale)
        self.scale_for = None if scale_for is None else check_size(scale_for)
        self.bicubic = bicubic

    def __call__(self, sample: Sample) -> Sample:
        """Return the sample with each image scaled and cropped."""
        shapes = [image_size(img) for img in sample["imgs"]]
        crops = [
            place_crop(shape, self.scale * fit_factor(shape, self.scale_for), self.size, 0.5)
            for shape in shapes
        ]
        return scale_and_crop(sample, crops, self.size, self.bicubic)


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
        scale_for: Height and width in px of the images that ``scale`` is meant for;
            None means images of any size.
        bicubic: Whether images are resized by a cubic kernel, as in BEVFusion; else by
            a linear one.

    Raises:
        ValueError: If a setting is not positive, or the bounds do not ascend.
    """

    def __init__(
        self,
        size: tuple[int, int] = (256, 704),
        scale: tuple[float, float] = (0.38, 0.55),
        scale_for: tuple[int, int] | None = None,
        bicubic: bool = False,
    ) -> None:
        self.size = check_size(size)
        self.scale = check_range("scale", scale)
        self.scale_for = None if scale_for is None else check_size(scale_for)
        self.bicubic = bicubic
        _check_scales(*self.scale)

    def draw(self, sample: Sample, rng: np.random.Generator) -> list[ScaledCrop]:
        """Return the crop of each view."""
        crops = []
        for img in sample["imgs"]:
            shape = image_size(img)
            scale = rng.uniform(*self.scale) * fit_factor(shape, self.scale_for)
            crops.append(place_crop(shape, scale, self.size, rng.random()))
        return crops

    def apply(self, sample: Sample, params: list[ScaledCrop]) -> Sample:
        """Return the sample with each image scaled and cropped."""
        return scale_and_crop(sample, params, self.size, self.bicubic)


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


def _check_scales(*scales: Any) -> tuple[float, ...]:
    if not all(scale > 0 for scale in scales):
        raise ValueError(f"scale must be positive, but got {min(scales)}.")
    return tuple(float(scale) for scale in scales)
