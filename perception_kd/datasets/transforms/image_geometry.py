"""Geometry of image transforms: pixels, superpixels and pairs under crops and resizes.

Convention:
    - A pair moves by ``round((rc - corner) * scale)``, ties to even, which is SLidR's
      rule. The image content moves by the pixel centers, ``(rc + 0.5) * scale - 0.5``,
      so a pair is up to 0.5 px off the content of its pixel, plus 0.5 px of rounding.
    - ``img_aug_matrix`` is exact: it describes how the image content moves.
    - Superpixels take the nearest pixel by ``floor(rc / scale)``, like torch's
      "nearest".
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from perception_kd.datasets.transforms.base import select_pairs
from perception_kd.io.image_files import read_image_shape
from perception_kd.structures import Array, Indices, Mask, Sample

ScalarT = TypeVar("ScalarT", bound=np.generic)


class CropBox(NamedTuple):
    """Part of an image in px: top row, left column, height and width."""

    top: int
    left: int
    height: int
    width: int


def image_size(img: NDArray[Any]) -> tuple[int, int]:
    """Return the height and width of an image, (H, W) or (H, W, 3), in px."""
    return img.shape[0], img.shape[1]


def view_sizes(sample: Sample) -> list[tuple[int, int]]:
    """Return height and width of each view in px, also where no image is loaded.

    Reads: ``imgs``; without them ``img_paths``, and ``img_shapes`` where present.

    Raises:
        FileNotFoundError: If the size is not known, and an image is missing.
        BrokenFileError: If it is not an image.
    """
    if "imgs" in sample:
        return [image_size(img) for img in sample["imgs"]]
    paths = sample["img_paths"]
    shapes = sample.get("img_shapes", [None] * len(paths))
    return [shape or read_image_shape(path) for path, shape in zip(paths, shapes, strict=True)]


def check_size(size: tuple[int, int]) -> tuple[int, int]:
    """Return a height and width in px as integers.

    Raises:
        ValueError: If they are not two positive numbers.
    """
    height, width = (int(edge) for edge in size)
    if height < 1 or width < 1:
        raise ValueError(f"size must be a positive height and width, but got {size}.")
    return height, width


def crop_matrix(box: CropBox, size: tuple[int, int]) -> Array:
    """Return the map of pixels for a crop that is resized.

    Pixel areas are mapped to pixel areas, so centers move by ``(uv - corner + 0.5) *
    scale - 0.5``, as in PIL, in OpenCV and in torch without ``align_corners``.

    Args:
        box: The crop.
        size: Height and width after resizing, in px.

    Returns:
        Homogeneous map of (u, v, 1) in the whole image to the resized crop, (3, 3).
    """
    scale_u, scale_v = size[1] / box.width, size[0] / box.height
    return np.array(
        [
            [scale_u, 0.0, (0.5 - box.left) * scale_u - 0.5],
            [0.0, scale_v, (0.5 - box.top) * scale_v - 0.5],
            [0.0, 0.0, 1.0],
        ]
    )


def mirror_matrix(width: int) -> Array:
    """Return the map of pixels, (3, 3), for mirroring an image of this width."""
    return np.array([[-1.0, 0.0, width - 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])


def mirror_arrays(arrays: Sequence[NDArray[ScalarT]], flips: Mask) -> list[NDArray[ScalarT]]:
    """Mirror some of V images or maps, (H, W) or (H, W, 3), from left to right.

    Args:
        arrays: The V arrays, left as they are.
        flips: Whether each one is mirrored, shape (V,).
    """
    return [
        np.ascontiguousarray(array[:, ::-1]) if flip else array
        for array, flip in zip(arrays, flips, strict=True)
    ]


def compose_img_aug(sample: Sample, matrices: Sequence[Array]) -> Sample:
    """Compose ``img_aug_matrix`` with a further map of each image.

    Reads: ``imgs``, and ``img_aug_matrix`` where present. Writes: the latter.

    Args:
        sample: The sample; it is not modified.
        matrices: Map of current to transformed pixels (u, v, 1) per view, V of (3, 3).
    """
    moved = np.asarray(matrices, dtype=np.float64).reshape(-1, 3, 3)
    return {**sample, "img_aug_matrix": moved @ sample.get("img_aug_matrix", np.eye(3))}


def move_pixels(rows_cols: Indices, box: CropBox, size: tuple[int, int]) -> tuple[Indices, Mask]:
    """Return the positions of pixels in a crop that is resized.

    Args:
        rows_cols: (row, col) in the whole image, shape (P, 2).
        box: The crop.
        size: Height and width after resizing, in px.

    Returns:
        (row, col) in the resized crop, (P, 2), and whether they are inside, (P,).
    """
    scale = np.array([size[0] / box.height, size[1] / box.width])
    moved = np.rint((rows_cols - (box.top, box.left)) * scale).astype(np.int64)
    return moved, ((moved >= 0) & (moved < size)).all(axis=1)


def resize_image(
    img: NDArray[np.uint8], size: tuple[int, int], antialias: bool, bicubic: bool = False
) -> NDArray[np.uint8]:
    """Resize an image bilinearly or bicubically.

    Args:
        img: Shape (H, W, 3).
        size: New height and width in px.
        antialias: Whether a pixel averages the area that it covers; otherwise it
            interpolates the four pixels nearest to its center.
        bicubic: Whether it averages by a cubic kernel; only with ``antialias``.
    """
    height, width = size
    if antialias:
        kernel = Image.Resampling.BICUBIC if bicubic else Image.Resampling.BILINEAR
        return np.asarray(Image.fromarray(img).resize((width, height), kernel))
    return cv2.resize(img, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.uint8)


def resize_superpixels(superpixels: NDArray[np.int32], size: tuple[int, int]) -> NDArray[np.int32]:
    """Resize a map of ids, (H, W), to a height and width in px, by nearest pixels."""
    rows, cols = (
        np.arange(new) * old // new for new, old in zip(size, superpixels.shape, strict=True)
    )
    return superpixels[np.ix_(rows, cols)]


def crop_views(
    sample: Sample,
    boxes: Sequence[CropBox],
    size: tuple[int, int],
    antialias: bool,
    keep_border_pairs: bool = False,
) -> Sample:
    """Crop each image and resize all crops to one size.

    Reads and writes: ``img_aug_matrix``; ``imgs``, ``superpixels``, ``pairing_*`` where
    present. Pairs that leave their image are dropped.

    Args:
        sample: The sample; it is not modified.
        boxes: Crop of each of the V views.
        size: Height and width after resizing, in px.
        antialias: Whether a pixel averages the area that it covers.
        keep_border_pairs: Whether pairs that leave their image at the right or at the
            bottom are moved to its last column or row instead.
    """
    cropped = compose_img_aug(sample, [crop_matrix(box, size) for box in boxes])
    if "imgs" in sample:
        cropped["imgs"] = [
            resize_image(_cut(img, box), size, antialias)
            for img, box in zip(sample["imgs"], boxes, strict=True)
        ]
    if "superpixels" in sample:
        cropped["superpixels"] = [
            resize_superpixels(_cut(superpixels, box), size)
            for superpixels, box in zip(sample["superpixels"], boxes, strict=True)
        ]
    if "pairing_images" not in sample:
        return cropped

    pairing_images = sample["pairing_images"].copy()
    keep = np.zeros(len(pairing_images), dtype=bool)
    for view, box in enumerate(boxes):
        of_view = pairing_images[:, 0] == view
        moved, inside = move_pixels(pairing_images[of_view, 1:], box, size)
        if keep_border_pairs:
            moved = np.minimum(moved, np.subtract(size, 1))
            inside = (moved >= 0).all(axis=1)
        pairing_images[of_view, 1:], keep[of_view] = moved, inside
    cropped["pairing_images"] = pairing_images
    return select_pairs(cropped, keep)


def mirror_views(sample: Sample, flips: Mask, widths: Sequence[int]) -> Sample:
    """Mirror some views from left to right.

    Reads and writes: ``img_aug_matrix``; ``imgs``, ``superpixels``, ``pairing_images``
    where present.

    Args:
        sample: The sample; it is not modified.
        flips: Whether each view is mirrored, shape (V,).
        widths: Width of each view in px.
    """
    mirrors = [
        mirror_matrix(width) if flip else np.eye(3)
        for width, flip in zip(widths, flips, strict=True)
    ]
    mirrored = compose_img_aug(sample, mirrors)
    if "imgs" in sample:
        mirrored["imgs"] = mirror_arrays(sample["imgs"], flips)
    if "superpixels" in sample:
        mirrored["superpixels"] = mirror_arrays(sample["superpixels"], flips)
    if "pairing_images" in sample:
        view, row, col = sample["pairing_images"].T
        col = np.where(flips[view], np.array(widths, dtype=np.int64)[view] - 1 - col, col)
        mirrored["pairing_images"] = np.stack([view, row, col], axis=1)
    return mirrored


def _cut(array: NDArray[ScalarT], box: CropBox) -> NDArray[ScalarT]:
    return array[box.top : box.top + box.height, box.left : box.left + box.width]
