"""Image augmentation of SLidR: cropping, resizing and flipping.

SLidR [1] trains with ``RandomResizedCrop`` and ``RandomFlipImages`` and validates with
``ResizeImages``. Superpixels and pairs follow the images; points do not, since pairs
name pixels. How pixels move is the convention of
:mod:`perception_kd.datasets.transforms.image_geometry`.

- [1] Image-to-Lidar Self-Supervised Distillation for Autonomous Driving Data, 2022,
  https://arxiv.org/abs/2203.16258
"""

import numpy as np
from mmengine.logging import MMLogger

from perception_kd.datasets.transforms.base import (
    RandomTransform,
    Transform,
    check_probability,
    check_range,
)
from perception_kd.datasets.transforms.image_geometry import (
    CropBox,
    check_size,
    crop_views,
    image_size,
    mirror_views,
    move_pixels,
)
from perception_kd.registry import TRANSFORMS
from perception_kd.structures import Indices, Mask, Sample


@TRANSFORMS.register_module()
class RandomResizedCrop(RandomTransform[list[CropBox]]):
    """Crop a random part of each image and resize it.

    Following SLidR, crops are drawn until one keeps more than ``min_pairs`` pairs or
    more than ``min_fraction`` of its image's pairs. After ``max_tries`` the crop with
    the most pairs is taken; this is counted in ``num_fallbacks`` (per process) and
    logged the first time. An image without pairs takes the first crop.

    Reads: ``imgs``; ``superpixels``, ``pairing_*`` where present. Writes: the same, and
    ``img_aug_matrix``.

    Args:
        size: Height and width of the result in px.
        scale: Bounds of the crop's area as a fraction of the image's.
        ratio: Bounds of the aspect ratio, width / height, drawn uniformly in the
            logarithm.
        min_pairs: A crop with more pairs than this is accepted.
        min_fraction: A crop with more than this fraction of its image's pairs is
            accepted.
        max_tries: Number of crops drawn before the best one is taken.
        antialias: Whether a pixel averages the area that it covers, or interpolates
            four pixels. SLidR was published with a torchvision that did not antialias
            tensors. Images shrink by 2 to 4, so this changes the teacher's input.

    Raises:
        ValueError: If a setting is out of its range.
    """

    def __init__(
        self,
        size: tuple[int, int] = (224, 416),
        scale: tuple[float, float] = (0.3, 1.0),
        ratio: tuple[float, float] = (14 / 9, 17 / 9),
        min_pairs: int = 1024,
        min_fraction: float = 0.75,
        max_tries: int = 50,
        antialias: bool = False,
    ) -> None:
        self.size = check_size(size)
        self.scale = check_range("scale", scale)
        self.ratio = check_range("ratio", ratio)
        if self.scale[0] <= 0 or self.scale[1] > 1 or self.ratio[0] <= 0:
            raise ValueError(
                f"scale must be in (0, 1] and ratio positive, but got {scale} and {ratio}."
            )
        if max_tries < 1:
            raise ValueError(f"max_tries must be at least 1, but got {max_tries}.")
        self.min_pairs = min_pairs
        self.min_fraction = check_probability("min_fraction", min_fraction)
        self.max_tries = max_tries
        self.antialias = antialias
        self.num_fallbacks = 0

    def draw(self, sample: Sample, rng: np.random.Generator) -> list[CropBox]:
        """Return the crop of each view, by the rule above."""
        pairs = sample.get("pairing_images", np.zeros((0, 3), dtype=np.int64))
        return [
            self._draw_accepted(image_size(img), pairs[pairs[:, 0] == view, 1:], rng)
            for view, img in enumerate(sample["imgs"])
        ]

    def apply(self, sample: Sample, params: list[CropBox]) -> Sample:
        """Return the sample with each image cropped and resized."""
        return crop_views(sample, params, self.size, self.antialias)

    def _draw_accepted(
        self, img_shape: tuple[int, int], rows_cols: Indices, rng: np.random.Generator
    ) -> CropBox:
        best, most = CropBox(0, 0, *img_shape), -1
        for _ in range(self.max_tries):
            box = self._draw_box(img_shape, rng)
            num_kept = int(move_pixels(rows_cols, box, self.size)[1].sum())
            enough = min(self.min_pairs, self.min_fraction * len(rows_cols))
            if len(rows_cols) == 0 or num_kept > enough:
                return box
            if num_kept > most:
                best, most = box, num_kept
        self._note_fallback(most, len(rows_cols))
        return best

    def _draw_box(self, img_shape: tuple[int, int], rng: np.random.Generator) -> CropBox:
        """Return a crop by torchvision's rule: after ten misfits, the central part."""
        img_height, img_width = img_shape
        for _ in range(10):
            area = img_height * img_width * rng.uniform(*self.scale)
            ratio = np.exp(rng.uniform(*np.log(self.ratio)))
            height, width = round(np.sqrt(area / ratio)), round(np.sqrt(area * ratio))
            if 0 < height <= img_height and 0 < width <= img_width:
                top = int(rng.integers(img_height - height + 1))
                left = int(rng.integers(img_width - width + 1))
                return CropBox(top, left, height, width)
        ratio = np.clip(img_width / img_height, *self.ratio)
        height = min(img_height, round(img_width / ratio))
        width = min(img_width, round(img_height * ratio))
        return CropBox((img_height - height) // 2, (img_width - width) // 2, height, width)

    def _note_fallback(self, num_kept: int, num_pairs: int) -> None:
        self.num_fallbacks += 1
        if self.num_fallbacks == 1:
            MMLogger.get_current_instance().warning(
                f"RandomResizedCrop: none of {self.max_tries} crops of an image kept more than "
                f"{self.min_pairs} pairs or {self.min_fraction:.0%} of its {num_pairs}; using the "
                f"best crop, with {num_kept}. This is logged once; see num_fallbacks."
            )


@TRANSFORMS.register_module()
class ResizeImages(Transform):
    """Resize each whole image to one size, as SLidR does for validation.

    Reads: ``imgs``; ``superpixels``, ``pairing_*`` where present. Writes: the same, and
    ``img_aug_matrix``.

    Args:
        size: Height and width of the result in px.
        antialias: As in
            :func:`~perception_kd.datasets.transforms.image_geometry.resize_image`.
        keep_border_pairs: Whether pairs that round to beyond the last column or row are
            in it, as in SLidR's published code; else they are dropped, as in training.

    Raises:
        ValueError: If the size is not two positive integers.
    """

    def __init__(
        self,
        size: tuple[int, int] = (224, 416),
        antialias: bool = False,
        keep_border_pairs: bool = False,
    ) -> None:
        self.size = check_size(size)
        self.antialias = antialias
        self.keep_border_pairs = keep_border_pairs

    def __call__(self, sample: Sample) -> Sample:
        """Return the sample with resized images."""
        boxes = [CropBox(0, 0, *image_size(img)) for img in sample["imgs"]]
        return crop_views(sample, boxes, self.size, self.antialias, self.keep_border_pairs)


@TRANSFORMS.register_module()
class RandomFlipImages(RandomTransform[Mask]):
    """Mirror each image left to right, independently of other images and the points.

    Reads: ``imgs``; ``superpixels``, ``pairing_images`` where present. Writes: the
    same, and ``img_aug_matrix``.

    Args:
        p: Probability that an image is mirrored.

    Raises:
        ValueError: If the probability is outside [0, 1].
    """

    def __init__(self, p: float = 0.5) -> None:
        self.p = check_probability("p", p)

    def draw(self, sample: Sample, rng: np.random.Generator) -> Mask:
        """Return whether each view is mirrored, shape (V,)."""
        return rng.random(len(sample["imgs"])) < self.p

    def apply(self, sample: Sample, params: Mask) -> Sample:
        """Return the sample with the drawn views mirrored."""
        return mirror_views(sample, params, [img.shape[1] for img in sample["imgs"]])
